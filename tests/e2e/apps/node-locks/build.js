// Needs a development dependency, and leaves something behind that the app needs.
require("node:fs").writeFileSync("built.json", JSON.stringify({ day: require("ms")("1d") }));
