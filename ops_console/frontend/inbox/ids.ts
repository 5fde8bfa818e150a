// Ids like no other, also where a browser makes none by itself: over plain HTTP it has no crypto.randomUUID.

export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  // Version 4, of the variant that says so.
  const third = `4${hex.slice(13, 16)}`;
  const fourth = `${"89ab"[Number(`0x${hex[16]}`) % 4]}${hex.slice(17, 20)}`;
  return [hex.slice(0, 8), hex.slice(8, 12), third, fourth, hex.slice(20)].join("-");
}
