import { contentType } from './content-type.ts';
import type { Entity } from './entity.ts';
import type { ReadOptions } from './header.ts';
import { type Malformed, type MimeLimits, overLimit } from './limits.ts';
import { splitMultipart } from './multipart.ts';

/** An entity with the parts of its multiparts, down to the leaves. An attached message is a leaf. */
export interface EntityTree {
  readonly entity: Entity;
  readonly parts: readonly EntityTree[];
}

/**
 * Reads the whole tree of multiparts. Parts and depth are bounded over the whole message.
 *
 * @returns `malformed` with `message-malformed` or the fault of a limit.
 */
export async function readTree(
  entity: Entity,
  limits: MimeLimits,
  options: ReadOptions = {},
): Promise<{ readonly kind: 'tree'; readonly value: EntityTree } | Malformed> {
  const read = await readNode(entity, { limits, options, left: limits.maxParts }, 0);
  return 'kind' in read ? read : { kind: 'tree', value: read };
}

interface Budget {
  readonly limits: MimeLimits;
  readonly options: ReadOptions;
  /** Parts that may still come. */
  left: number;
}

async function readNode(
  entity: Entity,
  budget: Budget,
  depth: number,
): Promise<EntityTree | Malformed> {
  if (contentType(entity).type !== 'multipart') return { entity, parts: [] };
  if (depth === budget.limits.maxDepth) {
    return overLimit(
      `Multiparts are nested more than ${budget.limits.maxDepth} deep.`,
      'nested-too-deeply',
    );
  }
  const limits = { ...budget.limits, maxParts: budget.left };
  const split = await splitMultipart(entity, limits, budget.options);
  if (split.kind === 'malformed') return split;
  budget.left -= split.parts.length;
  const parts: EntityTree[] = [];
  for (const part of split.parts) {
    const node = await readNode(part, budget, depth + 1);
    if ('kind' in node) return node;
    parts.push(node);
  }
  return { entity, parts };
}
