// What results are called, on the page and as files.

// Windows takes these for devices, whatever follows the first dot.
const DEVICE = /^(con|conin\$|conout\$|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]) *(\.|$)/i;

/** A file's name without .png. */
export const idOf = (name) => name.replace(/\.png$/i, "") || "unnamed";

/** A name that stays in the folder it is unpacked to, on any system. */
export function fileName(id) {
  const plain = id.replace(/[\u0000-\u001f\u007f/\\:*?"<>|]/g, "_").replace(/^\.+/, "_");
  return DEVICE.test(plain) ? `_${plain}` : plain;
}

/** The same for names that some system takes for one, as they differ in case or composition only. */
export const folded = (name) => name.normalize("NFC").toUpperCase();

/** Compares names by their characters, as salt-infer does; < does it by UTF-16 units. */
export function inOrder(one, other) {
  const [a, b] = [one, other].map((name) => Array.from(name, (it) => it.codePointAt(0)));
  const place = a.findIndex((point, i) => point !== b[i]);
  return place < 0 ? a.length - b.length : a[place] - (b[place] ?? -1);
}

/**
 * The name, or with a number if it is taken; now it is.
 * @param {Set<string>} taken keys of the names
 * @param {(name: string) => string} key the same for names that may not be used together
 */
export function unused(name, taken, key = (name) => name) {
  let free = name;
  for (let n = 2; taken.has(key(free)); n++) free = `${name} (${n})`;
  taken.add(key(free));
  return free;
}
