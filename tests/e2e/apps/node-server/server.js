const { execFileSync } = require("node:child_process");
const { createServer } = require("node:http");

const npm = execFileSync("npm", ["--version"], { encoding: "utf8" }).trim();
createServer((_request, response) => {
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify({ node: process.version, npm, env: process.env.NODE_ENV }));
}).listen(process.env.PORT);
