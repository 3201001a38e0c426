import { isSelfIssued, type UntrustedCertificate } from './certificate.ts';
import { PKIX } from './oids.ts';

/**
 * The inputs of policy processing (RFC 5280 section 6.1.1 (c) to (g)). All have the RFC's defaults:
 * any policy will do, none is demanded, mapping and anyPolicy are allowed.
 */
export interface InitialPolicies {
  /** user-initial-policy-set, dotted OIDs; absent is any-policy. */
  readonly accepted?: readonly string[];
  readonly requireExplicit?: boolean;
  readonly inhibitMapping?: boolean;
  readonly inhibitAny?: boolean;
}

/**
 * A node of the valid policy graph. RFC 9618 section 3: a graph in place of the tree, so that a
 * hostile path costs what its extensions are long and not the product of them.
 */
interface Node {
  readonly policy: string;
  expected: ReadonlySet<string>;
  readonly parents: ReadonlySet<Node>;
}

type Level = ReadonlyMap<string, Node>;

interface Counters {
  explicit: number;
  mapping: number;
  anyPolicy: number;
}

const ANY: string = PKIX.anyPolicy;

/** Who expects each policy, so that a level is made in one pass over the one above it. */
function expecting(level: Level): Map<string, Set<Node>> {
  const found = new Map<string, Set<Node>>();
  for (const node of level.values()) {
    for (const policy of node.expected) {
      const nodes = found.get(policy);
      if (nodes === undefined) found.set(policy, new Set([node]));
      else nodes.add(node);
    }
  }
  return found;
}

/** RFC 5280 section 6.1.3 (d), as RFC 9618 section 5.2 has it. */
function nextLevel(above: Level, policies: readonly string[], anyCounts: boolean): Level {
  const expected = expecting(above);
  const level = new Map<string, Node>();
  const add = (policy: string, parents: ReadonlySet<Node>) =>
    level.set(policy, { policy, expected: new Set([policy]), parents });
  const anyAbove = above.get(ANY);
  for (const policy of policies) {
    if (policy === ANY) continue;
    const parents = expected.get(policy);
    if (parents !== undefined) add(policy, parents);
    else if (anyAbove !== undefined) add(policy, new Set([anyAbove]));
  }
  if (anyCounts && policies.includes(ANY)) {
    for (const [policy, parents] of expected) if (!level.has(policy)) add(policy, parents);
  }
  return level;
}

/** RFC 5280 section 6.1.4 (b). */
function applyMappings(level: Level, certificate: UntrustedCertificate, allowed: boolean): Level {
  const { policyMappings } = certificate.extensions;
  if (policyMappings.length === 0) return level;
  const mapped = new Map<string, Set<string>>();
  for (const [from, to] of policyMappings) {
    const targets = mapped.get(from);
    if (targets === undefined) mapped.set(from, new Set([to]));
    else targets.add(to);
  }
  const next = new Map(level);
  const anyPolicyNode = level.get(ANY);
  for (const [from, targets] of mapped) {
    const node = next.get(from);
    if (!allowed) next.delete(from);
    else if (node !== undefined) next.set(from, { ...node, expected: targets });
    else if (anyPolicyNode !== undefined) {
      next.set(from, { policy: from, expected: targets, parents: anyPolicyNode.parents });
    }
  }
  return next;
}

/** RFC 5280 section 6.1.2 (d) to (f). */
function startingCounters(most: number, initial: InitialPolicies): Counters {
  return {
    explicit: initial.requireExplicit === true ? 0 : most,
    mapping: initial.inhibitMapping === true ? 0 : most,
    anyPolicy: initial.inhibitAny === true ? 0 : most,
  };
}

/** RFC 5280 section 6.1.4 (h) to (j). */
function count(counters: Counters, certificate: UntrustedCertificate): void {
  if (!isSelfIssued(certificate)) {
    counters.explicit = Math.max(0, counters.explicit - 1);
    counters.mapping = Math.max(0, counters.mapping - 1);
    counters.anyPolicy = Math.max(0, counters.anyPolicy - 1);
  }
  constrain(counters, certificate);
}

function constrain(counters: Counters, { extensions }: UntrustedCertificate): void {
  const { policyConstraints, inhibitAnyPolicy } = extensions;
  const least = (now: number, limit: number | null | undefined) =>
    Math.min(now, limit ?? Number.POSITIVE_INFINITY);
  counters.explicit = least(counters.explicit, policyConstraints?.requireExplicitPolicy);
  counters.mapping = least(counters.mapping, policyConstraints?.inhibitPolicyMapping);
  counters.anyPolicy = least(counters.anyPolicy, inhibitAnyPolicy);
}

/** RFC 5280 section 6.1.5 (g): whether a policy that the user accepts is left. */
function isAccepted(last: Level, accepted: readonly string[] | undefined): boolean {
  if (last.size === 0 || accepted?.length === 0) return false;
  if (accepted === undefined || accepted.includes(ANY) || last.has(ANY)) return true;
  const wanted = new Set(accepted);
  const seen = new Set<Node>();
  let level: Node[] = [...last.values()];
  while (level.length > 0) {
    const parents: Node[] = [];
    for (const node of level) {
      if (seen.has(node)) continue;
      seen.add(node);
      // The policy that an authority asserted in the user's own domain has anyPolicy above it.
      const isRoot = [...node.parents].some((parent) => parent.policy === ANY);
      if (isRoot && wanted.has(node.policy)) return true;
      parents.push(...node.parents);
    }
    level = parents;
  }
  return false;
}

/**
 * Policy processing of RFC 5280 section 6.1, from the anchor (first) to the end entity (last).
 * What the anchor demands counts as well (RFC 5937 section 3.2).
 *
 * @returns the certificate at which no policy is left that the path demands, or null.
 */
export function checkPolicies(
  [anchor, ...below]: readonly UntrustedCertificate[],
  initial: InitialPolicies = {},
): UntrustedCertificate | null {
  const counters = startingCounters(below.length + 1, initial);
  if (anchor !== undefined) constrain(counters, anchor);
  const root: Node = { policy: ANY, expected: new Set([ANY]), parents: new Set() };
  let level: Level = new Map([[ANY, root]]);
  for (const [index, certificate] of below.entries()) {
    const isFinal = index === below.length - 1;
    const { policies, policyConstraints } = certificate.extensions;
    const anyCounts = counters.anyPolicy > 0 || (!isFinal && isSelfIssued(certificate));
    level = policies === null ? new Map() : nextLevel(level, policies, anyCounts);
    if (level.size === 0 && counters.explicit === 0) return certificate;
    if (!isFinal) {
      level = applyMappings(level, certificate, counters.mapping > 0);
      count(counters, certificate);
      continue;
    }
    // RFC 5280 section 6.1.5 (a) and (b).
    const isDemanded = counters.explicit <= 1 || policyConstraints?.requireExplicitPolicy === 0;
    if (isDemanded && !isAccepted(level, initial.accepted)) return certificate;
  }
  return null;
}
