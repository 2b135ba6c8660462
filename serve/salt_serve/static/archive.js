// Masks as PNG files, and many files as one zip.

import { EDGE } from "./masks.js";

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

/** CRC-32 as PNG and zip have it. */
function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** An 8-bit grey PNG of a mask: 255 where there is salt, else 0. */
export async function pngOf(mask) {
  const rows = new Uint8Array(EDGE * (EDGE + 1)); // each row begins with a filter byte, 0
  for (let i = 0; i < mask.length; i++) {
    rows[Math.floor(i / EDGE) * (EDGE + 1) + 1 + (i % EDGE)] = mask[i] * 255;
  }
  const header = joined([numbers([[EDGE, 4], [EDGE, 4], [8, 1], [0, 1], [0, 1], [0, 1], [0, 1]])]);
  return joined([
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    chunk("IHDR", header),
    chunk("IDAT", await deflated(rows)),
    chunk("IEND", new Uint8Array()),
  ]);
}

function chunk(name, body) {
  const named = joined([new TextEncoder().encode(name), body]);
  return joined([numbers([[body.length, 4]]), named, numbers([[crc32(named), 4]])]);
}

async function deflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/**
 * A zip of files, stored as they are (PNGs do not shrink further).
 * @param {{name: string, bytes: Uint8Array}[]} files names are relative, and differ
 */
export function zipOf(files) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const { name, bytes } of files) {
    const text = new TextEncoder().encode(name);
    // version 2.0, names in UTF-8, stored, 1 January 1980; checksum, sizes, lengths
    const common = [[20, 2], [0x800, 2], [0, 2], [0, 2], [33, 2], [crc32(bytes), 4]];
    common.push([bytes.length, 4], [bytes.length, 4], [text.length, 2], [0, 2]);
    const local = joined([little([[0x04034b50, 4], ...common]), text, bytes]);
    const rest = [[0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]];
    directory.push(little([[0x02014b50, 4], [20, 2], ...common, ...rest]), text);
    parts.push(local);
    offset += local.length;
  }
  const listing = joined(directory);
  const count = files.length;
  const end = [[0x06054b50, 4], [0, 2], [0, 2], [count, 2], [count, 2], [listing.length, 4]];
  return joined([...parts, listing, little([...end, [offset, 4], [0, 2]])]);
}

/** [value, bytes] pairs, most significant byte first. */
function numbers(fields) {
  return Uint8Array.from(
    fields.flatMap(([value, size]) =>
      Array.from({ length: size }, (_, i) => (value >>> (8 * (size - 1 - i))) & 0xff),
    ),
  );
}

/** The same, least significant byte first. */
function little(fields) {
  return joined(fields.map((field) => numbers([field]).reverse()));
}

function joined(arrays) {
  const whole = new Uint8Array(arrays.reduce((sum, array) => sum + array.length, 0));
  let place = 0;
  for (const array of arrays) {
    whole.set(array, place);
    place += array.length;
  }
  return whole;
}
