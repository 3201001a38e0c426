/**
 * A tolerant reader and a writer that lies on demand: the mutators' own BER, on purpose not the
 * package under test. What it cannot read stays a primitive element.
 */

/** How the length of an element is written. */
type LengthForm =
  | { readonly kind: 'shortest' }
  | { readonly kind: 'indefinite' }
  /** With that many octets more than needed. */
  | { readonly kind: 'padded'; readonly octets: number }
  /** A length that is wrong by so much. */
  | { readonly kind: 'lie'; readonly by: number };

export interface TlvNode {
  /** Identifier octets. */
  identifier: Buffer;
  length: LengthForm;
  /** Null for content that is no run of elements. */
  children: TlvNode[] | null;
  content: Buffer;
  /** Octets before the children: the unused-bits octet of a BIT STRING that holds elements. */
  prefix: Buffer;
}

const MAX_NODES = 3_000;
const MAX_DEPTH = 24;
const SHORTEST: LengthForm = { kind: 'shortest' };
const NOTHING = Buffer.alloc(0);

interface Budget {
  left: number;
}

/** The elements that fill `bytes`; null if they do not. */
export function parseTree(bytes: Buffer): TlvNode[] | null {
  return parseRun(bytes, { left: MAX_NODES }, 0);
}

function parseRun(bytes: Buffer, budget: Budget, depth: number): TlvNode[] | null {
  const run = parseUntil(bytes, 0, false, { budget, depth });
  return run === null || run.end !== bytes.length ? null : run.nodes;
}

interface Place {
  readonly budget: Budget;
  readonly depth: number;
}

function parseUntil(
  bytes: Buffer,
  start: number,
  untilEnd: boolean,
  place: Place,
): { nodes: TlvNode[]; end: number } | null {
  const nodes: TlvNode[] = [];
  let offset = start;
  while (offset < bytes.length) {
    if (untilEnd && bytes[offset] === 0 && bytes[offset + 1] === 0) {
      return { nodes, end: offset + 2 };
    }
    const one = parseOne(bytes, offset, place);
    if (one === null) return null;
    nodes.push(one.node);
    offset = one.end;
  }
  return untilEnd ? null : { nodes, end: offset };
}

function identifierEnd(bytes: Buffer, offset: number): number {
  let end = offset + 1;
  if (((bytes[offset] ?? 0) & 0x1f) !== 0x1f) return end;
  while (end < offset + 6 && ((bytes[end] ?? 0) & 0x80) !== 0) end += 1;
  return end + 1;
}

function parseOne(
  bytes: Buffer,
  offset: number,
  { budget, depth }: Place,
): { node: TlvNode; end: number } | null {
  budget.left -= 1;
  if (budget.left < 0 || depth > MAX_DEPTH) return null;
  const start = identifierEnd(bytes, offset);
  const identifier = bytes.subarray(offset, start);
  const first = bytes[start];
  if (first === undefined) return null;
  const constructed = ((identifier[0] ?? 0) & 0x20) !== 0;
  if (first === 0x80) {
    if (!constructed) return null;
    const run = parseUntil(bytes, start + 1, true, { budget, depth: depth + 1 });
    if (run === null) return null;
    const node = { identifier, children: run.nodes, content: NOTHING, prefix: NOTHING };
    return { node: { ...node, length: { kind: 'indefinite' } }, end: run.end };
  }
  let at = start + 1;
  let length = first;
  if (first > 0x80) {
    const octets = first & 0x7f;
    if (octets > 4 || at + octets > bytes.length) return null;
    length = bytes.readUIntBE(at, octets);
    at += octets;
  }
  const end = at + length;
  if (end > bytes.length) return null;
  const content = bytes.subarray(at, end);
  const tag = identifier[0] ?? 0;
  const inner = innerRun(content, constructed, tag, { budget, depth: depth + 1 });
  const node: TlvNode = { identifier, length: SHORTEST, content, ...inner };
  return { node, end };
}

// Keys and extensions are elements within strings: they are worth reaching too.
function innerRun(
  content: Buffer,
  constructed: boolean,
  tag: number,
  { budget, depth }: Place,
): Pick<TlvNode, 'children' | 'prefix'> {
  const none = { children: null, prefix: NOTHING };
  if (constructed) return { children: parseRun(content, budget, depth), prefix: NOTHING };
  const skip = tag === 0x03 ? 1 : 0;
  if ((tag !== 0x04 && tag !== 0x03) || content.length < skip + 2 || content.length > 4_096) {
    return none;
  }
  const opening = content[skip];
  if (opening !== 0x30 && opening !== 0x04 && opening !== 0x06) return none;
  const children = parseRun(content.subarray(skip), { left: 400 }, depth);
  return children === null ? none : { children, prefix: content.subarray(0, skip) };
}

function lengthOctets(length: number, form: LengthForm): Buffer {
  const shown = form.kind === 'lie' ? Math.max(0, length + form.by) : length;
  const octets: number[] = [];
  for (let rest = shown; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  if (form.kind === 'padded') {
    octets.unshift(...Array.from({ length: form.octets }, () => 0));
    return Buffer.from([0x80 | octets.length, ...octets]);
  }
  return shown < 128 ? Buffer.from([shown]) : Buffer.from([0x80 | octets.length, ...octets]);
}

/** Writes elements out, with every lie that they hold. */
export function formatTree(nodes: readonly TlvNode[]): Buffer {
  return Buffer.concat(nodes.map(formatNode));
}

function formatNode(node: TlvNode): Buffer {
  const content =
    node.children === null ? node.content : Buffer.concat([node.prefix, formatTree(node.children)]);
  if (node.length.kind === 'indefinite') {
    const head = Buffer.from([...node.identifier, 0x80]);
    return Buffer.concat([head, content, Buffer.alloc(2)]);
  }
  return Buffer.concat([node.identifier, lengthOctets(content.length, node.length), content]);
}

/** Where a node stands, so that it can be replaced there. */
export interface NodePlace {
  readonly list: TlvNode[];
  readonly index: number;
  readonly node: TlvNode;
}

/** All nodes, outer before inner. */
export function placesOf(nodes: TlvNode[]): NodePlace[] {
  const places: NodePlace[] = [];
  const visit = (list: TlvNode[]): void => {
    for (const [index, node] of list.entries()) {
      places.push({ list, index, node });
      if (node.children !== null) visit(node.children);
    }
  };
  visit(nodes);
  return places;
}

/** An element with content octets. */
export function leaf(tag: number, content: Buffer): TlvNode {
  return {
    identifier: Buffer.from([tag]),
    length: SHORTEST,
    children: null,
    content,
    prefix: NOTHING,
  };
}

/** An element around others. */
export function wrap(tag: number, children: TlvNode[]): TlvNode {
  return { ...leaf(tag, NOTHING), children };
}
