import { randomBytes } from 'node:crypto';
import { bufferContent } from '@sallyport/mail';
import type { Identities } from './cms-peer.ts';
import { type Own, usesRow } from './own.ts';
import { type Form, NoPeer, type Peer } from './peer.ts';
import { type EncryptionRow, ROWS, type Row, type SignatureRow } from './rows.ts';

/**
 * What a direction came to. `no peer`: the program cannot do this at all, which was tried with
 * somebody else's message too where there is one. `not sent`: we only read it.
 */
type Outcome = 'yes' | 'no peer' | 'not sent';

export interface Cell {
  /** Ours, read by the peer. */
  readonly out: Outcome;
  /** The peer's, read by us. */
  readonly in: Outcome;
}

/** Sizes: the usual one, one octet, one octet below and at a cipher block, and an odd one. */
const SIZES = [10_240, 1, 4_095, 4_096, 65_537];

function contentOf(index: number): Buffer {
  const size = SIZES[index % SIZES.length] ?? 1;
  // Lines and CR LF: a peer that takes its input for text must not change it.
  const line = Buffer.from(`${randomBytes(24).toString('hex')}\r\n`);
  return Buffer.concat(
    Array.from({ length: Math.ceil(size / line.length) }, () => line),
    size,
  );
}

export interface MatrixWorld {
  readonly identities: Identities;
  readonly own: Own;
  /** Whose messages tell a peer that cannot from one that cannot read ours. */
  readonly control: Peer;
}

/** A peer read ours differently from what was in it, or we could not read what it made. */
class Mismatch extends Error {
  override readonly name = 'Mismatch';
}

const FORMS: readonly Form[] = ['detached', 'opaque'];

/** One row with one peer, both directions. @throws Mismatch where both can and do not agree. */
export async function tryRow(row: Row, peer: Peer, world: MatrixWorld): Promise<Cell> {
  return row.kind === 'signature'
    ? { out: await signOut(row, peer, world), in: await signIn(row, peer, world) }
    : { out: await encryptOut(row, peer, world), in: await encryptIn(row, peer, world) };
}

/** Null if the peer could not; a fault that is no NoPeer is one of ours. */
async function attempt<T>(call: () => Promise<T>): Promise<T | null> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof NoPeer) return null;
    throw error;
  }
}

function mustBe(found: Buffer, expected: Buffer, what: string): void {
  if (!found.equals(expected)) throw new Mismatch(`${what}: the content is not the same`);
}

async function signOut(row: SignatureRow, peer: Peer, world: MatrixWorld): Promise<Outcome> {
  if (row.own === null) return 'not sent';
  const signer = world.identities.of(row.key);
  const outcomes = new Set<Outcome>();
  for (const [index, form] of FORMS.entries()) {
    const content = contentOf(index + ROWS.indexOf(row));
    const cms = await world.own.sign(row, signer, bufferContent(content), form);
    mustBe(await world.own.verify(row, signer, cms, content), content, `${row.title}, our own`);
    const read = await attempt(() => peer.verify(row, cms, content, form));
    const what = `${row.title}, ${form}, read by ${peer.version}`;
    if (read !== null) {
      mustBe(read, content, what);
      outcomes.add('yes');
      continue;
    }
    const foreign = await attempt(() => world.control.sign(row, signer, content, form));
    const reads = foreign && (await attempt(() => peer.verify(row, foreign, content, form)));
    if (reads) throw new Mismatch(`${what}: reads that of ${world.control.version}, but not ours`);
    outcomes.add('no peer');
  }
  return single(outcomes, row);
}

async function signIn(row: SignatureRow, peer: Peer, world: MatrixWorld): Promise<Outcome> {
  const signer = world.identities.of(row.key);
  const outcomes = new Set<Outcome>();
  for (const [index, form] of FORMS.entries()) {
    const content = contentOf(index + 2 + ROWS.indexOf(row));
    const cms = await attempt(() => peer.sign(row, signer, content, form));
    if (cms === null || !(await usesRow(row, cms))) {
      outcomes.add('no peer');
      continue;
    }
    const read = await world.own.verify(row, signer, cms, content);
    mustBe(read, content, `${row.title}, ${form}, made by ${peer.version}`);
    outcomes.add('yes');
  }
  return single(outcomes, row);
}

async function encryptOut(row: EncryptionRow, peer: Peer, world: MatrixWorld): Promise<Outcome> {
  if (!row.isSent) return 'not sent';
  const recipient = world.identities.of(row.key);
  const outcomes = new Set<Outcome>();
  for (const index of [0, 1 + (ROWS.indexOf(row) % (SIZES.length - 1))]) {
    const content = contentOf(index);
    const cms = await world.own.encrypt(row, recipient, bufferContent(content));
    const back = await world.own.decrypt(row, recipient, cms);
    if (back === null) throw new Mismatch(`${row.title}: we cannot read our own`);
    mustBe(back, content, `${row.title}, our own`);
    const read = await attempt(() => peer.decrypt(row, recipient, cms));
    const what = `${row.title}, ${content.length} bytes, read by ${peer.version}`;
    if (read !== null) {
      mustBe(read, content, what);
      outcomes.add('yes');
      continue;
    }
    const foreign = await attempt(() => world.control.encrypt(row, recipient, content));
    const reads = foreign && (await attempt(() => peer.decrypt(row, recipient, foreign)));
    if (reads?.equals(content) === true) {
      throw new Mismatch(`${what}: reads that of ${world.control.version}, but not ours`);
    }
    outcomes.add('no peer');
  }
  return single(outcomes, row);
}

async function encryptIn(row: EncryptionRow, peer: Peer, world: MatrixWorld): Promise<Outcome> {
  const recipient = world.identities.of(row.key);
  const outcomes = new Set<Outcome>();
  for (const index of [0, 1 + ((ROWS.indexOf(row) + 2) % (SIZES.length - 1))]) {
    const content = contentOf(index);
    const cms = await attempt(() => peer.encrypt(row, recipient, content));
    if (cms === null || !(await usesRow(row, cms))) {
      outcomes.add('no peer');
      continue;
    }
    const read = await world.own.decrypt(row, recipient, cms);
    const what = `${row.title}, ${content.length} bytes, made by ${peer.version}`;
    if (read === null) throw new Mismatch(`${what}: we could not decrypt it`);
    mustBe(read, content, what);
    outcomes.add('yes');
  }
  return single(outcomes, row);
}

/** A peer that can do one form or size and not another is worth a look, not a word in a table. */
function single(outcomes: ReadonlySet<Outcome>, row: Row): Outcome {
  const [first, ...others] = outcomes;
  if (first === undefined || others.length > 0) {
    throw new Mismatch(`${row.title}: ${[...outcomes].join(' and ')}`);
  }
  return first;
}
