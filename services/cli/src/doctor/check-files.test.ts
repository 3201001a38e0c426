import assert from 'node:assert/strict';
import { test } from 'node:test';
import { roomFindings } from './check-files.ts';

const MIB = 1024 * 1024;
const EXT4 = 0xef53;

function codes(freeMib: number, wholeMib: number, type = EXT4): readonly string[] {
  const disk = { type, bsize: MIB, bavail: freeMib, blocks: wholeMib };
  return roomFindings(disk, 50 * MIB).map(({ level, code }) => `${level} ${code}`);
}

test('room on the disk of the spool: enough, little, too little for a few messages', () => {
  assert.deepEqual(codes(50_000, 100_000), []);
  assert.deepEqual(codes(5_000, 100_000), ['warning disk-low'], 'a twentieth');
  assert.deepEqual(codes(900, 2_000), ['warning disk-low'], 'under 1 GiB');
  assert.deepEqual(codes(199, 100_000), ['fault disk-full']);
});

test('a spool on NFS or CIFS is named', () => {
  for (const type of [0x6969, 0xff534d42]) {
    assert.deepEqual(codes(50_000, 100_000, type), ['fault spool-remote']);
  }
});
