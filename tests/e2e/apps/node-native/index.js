const { createServer } = require("node:http");

const { greet } = require("./build/Release/greet.node");

createServer((_request, response) => response.end(greet())).listen(process.env.PORT);
