import compression from "compression";
import express from "express";

import { find, recipe, teas } from "./teas.js";

const app = express();
app.use(compression());
app.use(express.json());

app.get("/", (_request, response) => {
  response.json({ shelf: teas.map((tea) => tea.name), try: ["/teas", "/teas?kind=green", "/teas/oolong", "/health"] });
});

app.get("/health", (_request, response) => {
  response.json({ status: "ok", node: process.version });
});

app.get("/teas", (request, response) => {
  const { kind } = request.query;
  response.json(kind ? teas.filter((tea) => tea.kind === kind) : teas);
});

app.get("/teas/:name", (request, response) => {
  const tea = find(request.params.name);
  if (tea) response.json({ ...tea, recipe: recipe(tea) });
  else response.status(404).json({ error: `There is no ${request.params.name} on the shelf.` });
});

const server = app.listen(process.env.PORT ?? 8080, () => {
  console.log(`Teas are served on port ${server.address().port}`);
});

// The platform stops an app with SIGTERM: finish what was begun, then go.
process.on("SIGTERM", () => {
  console.log("The shelf is closed");
  server.close(() => process.exit(0));
  server.closeIdleConnections();
});
