#!/usr/bin/env node
// The program that people type: starts main.ts on the Node 24 of node_modules where this one is older.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
if (Number.parseInt(process.versions.node, 10) >= 24) {
  await import(main);
} else {
  const folder = `../../../node_modules/node-${process.platform}-${process.arch}/bin/node`;
  const node = fileURLToPath(new URL(folder, import.meta.url));
  if (!existsSync(node)) {
    process.stderr.write(
      `sallyport needs Node 24 and this is ${process.versions.node}: run npm ci.\n`,
    );
    process.exit(1);
  }
  process.on('SIGINT', () => {});
  const { status } = spawnSync(node, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
  process.exit(status ?? 1);
}
