/** Reads a QR code from its picture, as an authenticator app does. */

import type { Locator } from "playwright-core";
import decodeQR from "qr/decode.js";

/** Pixels per module. */
const SCALE = 4;

export async function readQrCode(svg: Locator): Promise<string> {
  const { size, dark } = await svg.evaluate((one) => ({
    size: Number(one.getAttribute("viewBox")?.split(" ")[2]),
    dark: [...(one.querySelector("path")?.getAttribute("d") ?? "").matchAll(/M(\d+) (\d+)h1v1h-1z/g)].map(
      ([, x, y]) => [Number(x), Number(y)] as const,
    ),
  }));
  const width = size * SCALE;
  const data = new Uint8Array(width * width * 4).fill(255);
  for (const [x, y] of dark)
    for (let row = 0; row < SCALE; row += 1)
      for (let column = 0; column < SCALE; column += 1) {
        const at = ((y * SCALE + row) * width + x * SCALE + column) * 4;
        data.fill(0, at, at + 3);
      }
  return decodeQR({ width, height: width, data });
}
