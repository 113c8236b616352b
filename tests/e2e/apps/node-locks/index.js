const fastify = require("fastify")();

function has(name) {
  try {
    require.resolve(name);
    return true;
  } catch {
    return false;
  }
}

fastify.get("/", () => ({
  built: require("./built.json"),
  development: has("ms"),
  started: process.env.npm_config_user_agent?.split(" ")[0] ?? "nothing",
}));
fastify.listen({ port: Number(process.env.PORT), host: "0.0.0.0" });

process.on("SIGTERM", async () => {
  await fastify.close();
  console.log("closed in good order");
  process.exit(0);
});
