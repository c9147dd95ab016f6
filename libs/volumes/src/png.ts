import { crc32, deflateSync } from 'node:zlib';

/** An 8-bit RGB picture, row by row. */
export type RgbImage = { readonly width: number; readonly height: number; readonly data: Uint8Array };

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const BIT_DEPTH = 8;
const COLOR_TYPE_RGB = 2;
const FILTER_SUB = 1;
const BYTES_PER_PIXEL = 3;
const PNG_DEFLATE_LEVEL = 6;

/** Encodes a picture. Equal pictures give equal bytes. Format: W3C PNG, third edition, sections 5, 9 and 11. */
export function encodePng(image: RgbImage): Buffer {
  const { width, height } = image;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.writeUInt8(BIT_DEPTH, 8);
  header.writeUInt8(COLOR_TYPE_RGB, 9);
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(filterRows(image), { level: PNG_DEFLATE_LEVEL })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Each byte minus the one a pixel before it: smooth pictures compress far better. */
function filterRows({ width, height, data }: RgbImage): Buffer {
  const rowBytes = width * BYTES_PER_PIXEL;
  const filtered = Buffer.alloc((rowBytes + 1) * height);
  for (let row = 0; row < height; row += 1) {
    const target = row * (rowBytes + 1);
    filtered[target] = FILTER_SUB;
    for (let index = 0; index < rowBytes; index += 1) {
      const left = index < BYTES_PER_PIXEL ? 0 : (data[row * rowBytes + index - BYTES_PER_PIXEL] ?? 0);
      filtered[target + 1 + index] = (data[row * rowBytes + index] ?? 0) - left;
    }
  }
  return filtered;
}

function chunk(type: string, data: Buffer): Buffer {
  const typeAndData = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(typeAndData));
  return Buffer.concat([length, typeAndData, checksum]);
}
