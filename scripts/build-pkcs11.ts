/**
 * Builds the add-on of pkcs11js, which keys on a PKCS#11 token need and nothing else does. Installing
 * never compiles: the headers are those of the Node that runs this, so nothing is fetched.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';

const PACKAGE = join(import.meta.dirname, '../node_modules/pkcs11js');
const SOURCES = ['dl.cpp', 'common.cpp', 'main.cpp'];

function build(): string | null {
  const headers = join(dirname(process.execPath), '..', 'include', 'node');
  if (!existsSync(join(headers, 'node_api.h'))) return `no header files of Node in ${headers}`;
  if (!existsSync(join(PACKAGE, 'package.json')))
    return 'the optional package pkcs11js is not installed (npm ci)';
  const out = join(PACKAGE, 'build', 'Release');
  mkdirSync(out, { recursive: true });
  const made = join(out, `pkcs11.node.${process.pid}`);
  const { status, error, stderr } = spawnSync(
    'g++',
    [
      ...[
        '-O2',
        '-std=c++17',
        '-fPIC',
        '-shared',
        '-fstack-protector-strong',
        '-Wl,-z,relro,-z,now',
      ],
      ...['-D_FORTIFY_SOURCE=2', '-DNAPI_DISABLE_CPP_EXCEPTIONS', '-DNODE_GYP_MODULE_NAME=pkcs11'],
      ...['-DBUILDING_NODE_EXTENSION', `-I${headers}`, `-I${join(PACKAGE, 'includes')}`],
      ...SOURCES.map((name) => join(PACKAGE, 'src', name)),
      ...['-o', made],
    ],
    { encoding: 'utf8' },
  );
  if (error !== undefined) return `g++ cannot be started (${error.message})`;
  if (status !== 0) return `g++ ended with ${status}\n${stderr}`;
  renameSync(made, join(out, 'pkcs11.node'));
  return null;
}

const fault = build();
if (fault !== null) {
  process.stderr.write(`pkcs11js was not built: ${fault}\n`);
  process.exitCode = 1;
}
