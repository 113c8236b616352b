import { existsSync } from "node:fs";
import { createServer } from "node:http";

const facts = (): Record<string, boolean> => ({
  typescript: existsSync("node_modules/typescript"),
  sources: existsSync("src/server.ts"),
  cleaned: !existsSync("pre.txt"),
});

createServer((_request, response) => {
  response.end(JSON.stringify(facts()));
}).listen(Number(process.env.PORT));
