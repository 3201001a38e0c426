import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync } from 'node:zlib';
import type { FastifyInstance } from 'fastify';

const TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};
const YEAR_S = 365 * 86_400;

interface Asset {
  readonly type: string;
  readonly bytes: Buffer;
  readonly brotli: Buffer;
}

/** Style and browser scripts, read once at start; each address has the hash of all, so it never goes stale. */
export interface Assets {
  addressOf(name: string): string;
  register(app: FastifyInstance): void;
}

/** Reads `assets` and `browser`, the scripts with their types stripped. */
export async function loadAssets(): Promise<Assets> {
  const files = new Map<string, Asset>();
  for (const folder of ['../assets/', '../browser/']) {
    const path = fileURLToPath(new URL(folder, import.meta.url));
    for (const name of await readdir(path)) {
      const asset = await assetOf(`${path}${name}`, name);
      if (asset !== null) files.set(asset.name, asset);
    }
  }
  const digest = createHash('sha256');
  for (const { bytes } of files.values()) digest.update(bytes);
  const folder = `/assets/${digest.digest('hex').slice(0, 16)}`;
  return {
    addressOf: (name) => `${folder}/${name}`,
    register: (app) => {
      app.get<{ Params: { name: string } }>(`${folder}/:name`, async (request, reply) => {
        const asset = files.get(request.params.name);
        if (asset === undefined) return reply.callNotFound();
        reply.header('cache-control', `public, max-age=${YEAR_S}, immutable`).type(asset.type);
        reply.header('vary', 'accept-encoding');
        const takesBrotli = /\bbr\b/.test(request.headers['accept-encoding'] ?? '');
        if (takesBrotli) reply.header('content-encoding', 'br');
        return await reply.send(takesBrotli ? asset.brotli : asset.bytes);
      });
    },
  };
}

async function assetOf(path: string, file: string): Promise<(Asset & { name: string }) | null> {
  const name = file.replace(/\.ts$/, '.js');
  const type = TYPES[name.split('.').at(-1) ?? ''];
  if (type === undefined) return null;
  const source = await readFile(path, 'utf8');
  const bytes = Buffer.from(file.endsWith('.ts') ? stripTypeScriptTypes(source) : source);
  return { name, type, bytes, brotli: brotliCompressSync(bytes) };
}
