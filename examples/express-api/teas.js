/** What is on the shelf: water in degrees Celsius, time in minutes. */
export const teas = [
  { name: "assam", kind: "black", water: 96, minutes: 4 },
  { name: "bancha", kind: "green", water: 80, minutes: 2 },
  { name: "gyokuro", kind: "green", water: 55, minutes: 2 },
  { name: "keemun", kind: "black", water: 95, minutes: 3 },
  { name: "oolong", kind: "blue", water: 88, minutes: 3 },
  { name: "silver needle", kind: "white", water: 75, minutes: 5 },
];

/** The tea of that name, or undefined. */
export function find(name) {
  return teas.find((tea) => tea.name === name.toLowerCase());
}

/** One sentence that tells how to brew a tea. */
export function recipe(tea) {
  const minutes = tea.minutes === 1 ? "a minute" : `${tea.minutes} minutes`;
  return `Pour water of ${tea.water} °C over the ${tea.kind} tea ${tea.name} and wait ${minutes}.`;
}
