import type { Random } from './random.ts';
import {
  formatTree,
  leaf,
  type NodePlace,
  parseTree,
  placesOf,
  type TlvNode,
  wrap,
} from './tlv-tree.ts';

const MAX_INPUT_BYTES = 512 * 1024;
const MAX_REPEATS = 300;
const MAX_NESTING = 300;
const CONTAINER_TAGS = [0x30, 0x31, 0xa0, 0xa1, 0xa2, 0x24, 0x04, 0x23, 0x60, 0xe0];

/** Object identifiers that change what a reader believes it reads, DER with tag. */
const OIDS = [
  '06092a864886f70d010701', // data
  '06092a864886f70d010702', // signedData
  '06092a864886f70d010703', // envelopedData
  '06092a864886f70d010705', // digestedData
  '060b2a864886f70d0109100117', // authEnvelopedData
  '060b2a864886f70d0109100109', // compressedData
  '060b2a864886f70d0109100101', // receipt
  '06092a864886f70d010903', // contentType
  '06092a864886f70d010904', // messageDigest
  '06092a864886f70d010905', // signingTime
  '060b2a864886f70d010910021c', // signatureType
  '060b2a864886f70d0109100902', // domainSig
  '060b2a864886f70d0109100904',
  '060b2a864886f70d010910022f', // signingCertificateV2
  '06092a864886f70d010101', // rsaEncryption
  '06092a864886f70d01010b', // sha256WithRSA
  '06092a864886f70d01010a', // PSS
  '06092a864886f70d010107', // OAEP
  '06082a8648ce3d040302', // ecdsa-with-SHA256
  '06072a8648ce3d0201', // ecPublicKey
  '06052b0e03021a', // SHA-1
  '0609608648016503040201', // SHA-256
  '0609608648016503040203', // SHA-512
  '0609608648016503040102', // AES-128-CBC
  '060960864801650304012a', // AES-256-CBC
  '0609608648016503040106', // AES-128-GCM
  '060960864801650304012e', // AES-256-GCM
  '06082a864886f70d0307', // 3DES
  '06032b6570', // Ed25519
  '06032b656e', // X25519
].map((hex) => Buffer.from(hex, 'hex'));

const EXTREME_CONTENT: readonly ((random: Random) => Buffer)[] = [
  () => Buffer.alloc(0),
  () => Buffer.from([0]),
  () => Buffer.from([0x80]),
  () => Buffer.from([0x00, 0x80]),
  () => Buffer.from('7fffffff', 'hex'),
  () => Buffer.from('00ffffffffffffffff', 'hex'),
  () => Buffer.alloc(20, 0xff),
  (random) => Buffer.alloc(1 + random.below(5_000), random.below(256)),
  (random) => random.bytes(1 + random.below(64)),
];

interface TlvEditInput {
  readonly place: NodePlace;
  readonly random: Random;
  /** A node of another seed. */
  readonly foreign: TlvNode;
  /** Another node of the same input. */
  readonly own: TlvNode;
}

function isConstructed(node: TlvNode): boolean {
  return ((node.identifier[0] ?? 0) & 0x20) !== 0;
}

function copyOf(node: TlvNode): TlvNode {
  return { ...node, children: node.children?.map(copyOf) ?? null };
}

function chunked(node: TlvNode, random: Random): TlvNode {
  const size = 1 + random.below(Math.max(1, node.content.length));
  const pieces: TlvNode[] = [];
  for (let at = 0; at < node.content.length && pieces.length < MAX_REPEATS; at += size) {
    const isLast = pieces.length === MAX_REPEATS - 1;
    pieces.push(leaf(0x04, node.content.subarray(at, isLast ? undefined : at + size)));
  }
  const identifier = Buffer.from(node.identifier);
  identifier[0] = (identifier[0] ?? 0) | 0x20;
  const length = random.below(2) === 0 ? ({ kind: 'indefinite' } as const) : node.length;
  return { ...node, identifier, length, children: pieces, prefix: Buffer.alloc(0) };
}

function nested(node: TlvNode, random: Random, levels: number): TlvNode {
  let around = node;
  const tag = random.pick(CONTAINER_TAGS);
  for (let level = 0; level < levels; level += 1) around = wrap(tag, [around]);
  return around;
}

function replaceOid({ place, random }: TlvEditInput): void {
  place.list.splice(place.index, 1, leaf(0x06, random.pick(OIDS).subarray(2)));
}

const TLV_EDITS: readonly ((input: TlvEditInput) => void)[] = [
  ({ place }) => void place.list.splice(place.index, 1),
  ({ place }) => void place.list.splice(place.index, 0, copyOf(place.node)),
  ({ place, random }) => {
    const to = random.below(place.list.length);
    place.list.splice(to, 0, ...place.list.splice(place.index, 1));
  },
  ({ place, random }) => void place.list.splice(place.index, 1, nested(place.node, random, 1)),
  ({ place, random }) => {
    const levels = 2 + random.below(MAX_NESTING);
    place.list.splice(place.index, 1, nested(place.node, random, levels));
  },
  ({ place }) => void place.list.splice(place.index, 1, ...(place.node.children ?? [])),
  ({ place, foreign }) => void place.list.splice(place.index, 1, foreign),
  ({ place, foreign }) => void place.list.splice(place.index, 0, foreign),
  ({ place, own }) => void place.list.splice(place.index, 1, copyOf(own)),
  ({ place, own }) => void place.list.splice(place.index, 0, copyOf(own)),
  ({ place }) => {
    if (isConstructed(place.node)) place.node.length = { kind: 'indefinite' };
  },
  ({ place }) => {
    place.node.length = { kind: 'shortest' };
  },
  ({ place, random }) => {
    if (!isConstructed(place.node)) place.list[place.index] = chunked(place.node, random);
  },
  ({ place, random }) => {
    place.node.length = { kind: 'padded', octets: 1 + random.below(9) };
  },
  ({ place, random }) => {
    place.node.length = { kind: 'lie', by: random.pick([-2, -1, 1, 2, 127, 65_536, 2 ** 31]) };
  },
  ({ place, random }) => {
    const identifier = Buffer.from(place.node.identifier);
    identifier[0] = (identifier[0] ?? 0) ^ (1 << random.below(8));
    place.node.identifier = identifier;
  },
  ({ place, random }) => {
    place.node.identifier = random.bytes(1 + random.below(5));
  },
  ({ place, random }) => {
    place.node.children = null;
    place.node.content = random.pick(EXTREME_CONTENT)(random);
  },
  ({ place, random }) => {
    if (place.node.content.length === 0) return;
    const content = Buffer.from(place.node.content);
    const at = random.below(content.length);
    content[at] = (content[at] ?? 0) ^ (1 << random.below(8));
    place.node.content = content;
    place.node.children = null;
  },
  ({ place, random }) => {
    const content = place.node.content;
    place.node.content = content.subarray(0, random.below(content.length + 1));
    place.node.children = null;
  },
  replaceOid,
  ({ place, random }) => {
    const size = formatTree([place.node]).length;
    const count = Math.min(1 + random.below(MAX_REPEATS), Math.floor(MAX_INPUT_BYTES / size));
    place.list.splice(place.index, 0, ...Array.from({ length: count }, () => place.node));
  },
  ({ place, random }) => {
    place.list.splice(place.index, 0, leaf(0x05, random.bytes(random.below(2))));
  },
];

/**
 * One change to the elements of BER: lengths around it stay right unless the change is a lie.
 *
 * @returns null if the bytes are no elements.
 */
export function mutateTlv(bytes: Buffer, random: Random, other: Buffer): Buffer | null {
  const nodes = parseTree(bytes);
  if (nodes === null) return null;
  const places = placesOf(nodes);
  if (places.length === 0) return null;
  const foreign = parseTree(other);
  const foreignPlaces = foreign === null ? places : placesOf(foreign);
  const edit = random.pick(TLV_EDITS);
  // Changing an OID is worth most where one stands.
  const oids = edit === replaceOid ? places.filter((one) => one.node.identifier[0] === 0x06) : [];
  const place = random.pick(oids.length > 0 ? oids : places);
  edit({
    place,
    random,
    foreign: copyOf(random.pick(foreignPlaces.length > 0 ? foreignPlaces : places).node),
    own: random.pick(places).node,
  });
  const changed = formatTree(nodes);
  return changed.length > MAX_INPUT_BYTES ? changed.subarray(0, MAX_INPUT_BYTES) : changed;
}
