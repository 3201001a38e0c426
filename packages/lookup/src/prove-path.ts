import {
  newStepBudget,
  type PathInput,
  type PathResult,
  type RevocationFacts,
  validatePath,
} from '@sallyport/pki';
import type { TraceStep } from './locate-types.ts';
import { FactCollector, shown } from './revocation/facts.ts';
import { type Built, withIssuerOfPin, withIssuers } from './revocation/issuers.ts';
import { note, type Proof, type ProofPorts } from './revocation/proof-ports.ts';

const DEFAULT_DEADLINE_MS = 15_000;
/** Other paths that are tried when revocation breaks the first. */
const MAX_PATHS = 3;

export interface ProvePathRequest extends Omit<PathInput, 'revocation'> {
  /** How revocation is checked (see `RevocationFacts`); `off` fetches none of it. */
  readonly mode: 'hard' | 'soft' | 'off';
  /** Whoever has not answered by then counts as not reachable. */
  readonly deadlineMs?: number;
}

export interface PathProof {
  readonly result: PathResult;
  /** What was fetched for it, and what it said. */
  readonly trace: readonly TraceStep[];
}

/**
 * `validatePath` for whoever has a network: fetches the issuers that are missing (RFC 5280 section
 * 4.2.2.1), then revocation lists and OCSP responses of the certificates on the path, and judges all
 * of it anew each time. Revocation is asked about only on a path that ends at an anchor.
 *
 * @returns what `validatePath` returns. Never throws for what the network or bytes do.
 */
export async function provePath(request: ProvePathRequest, ports: ProofPorts): Promise<PathProof> {
  const { mode, deadlineMs = DEFAULT_DEADLINE_MS, ...path } = request;
  const proof: Proof = { ports, signal: AbortSignal.timeout(deadlineMs), trace: [] };
  // One budget for all the validations of a proof.
  const built = await withIssuers({ ...path, budget: path.budget ?? newStepBudget() }, proof);
  const result =
    mode === 'off' ? validatePath(built.input) : await checkRevocation(built, mode, proof);
  noteStatuses(result, proof);
  return { result, trace: proof.trace };
}

async function checkRevocation(
  built: Built,
  mode: RevocationFacts['mode'],
  proof: Proof,
): Promise<PathResult> {
  if (built.found.kind === 'invalid') return built.found;
  const { input, issuer } = await withIssuerOfPin(built.input, proof);
  const facts = new FactCollector(proof);
  const judge = (how: RevocationFacts['mode']): PathResult =>
    validatePath({ ...input, revocation: { mode: how, crls: facts.crls, ocsp: facts.ocsp } });
  let found: PathResult = built.found;
  let result: PathResult = found;
  for (let paths = 0; paths < MAX_PATHS && found.kind === 'valid'; paths += 1) {
    const isNew = await facts.collect([...found.certificate.path, ...issuer]);
    result = judge(mode);
    if (!isNew || result.kind === 'valid') break;
    found = mode === 'soft' ? result : judge('soft');
  }
  return result;
}

function noteStatuses(result: PathResult, proof: Proof): void {
  const base = { door: 'revocation', tookMs: 0 } as const;
  if (result.kind === 'invalid') {
    if (result.code !== 'revoked' && result.code !== 'revocation-unknown') return;
    note(proof, { ...base, query: 'judge revocation', outcome: 'unusable', reason: result.reason });
    return;
  }
  for (const { certificate, status } of result.certificate.revocation.certificates) {
    const query = `judge revocation of ${shown(certificate)}`;
    switch (status.kind) {
      case 'good': {
        const source = status.source.kind === 'crl' ? 'a revocation list' : 'an OCSP response';
        const reason = `not revoked, says ${source} of ${status.source.thisUpdate.toISOString()}`;
        note(proof, { ...base, query, outcome: 'usable', reason });
        break;
      }
      case 'revoked':
        note(proof, { ...base, query, outcome: 'unusable', reason: 'revoked' });
        break;
      case 'unknown': {
        const reason = `not known, and the policy lets it pass: ${status.reason}`;
        note(proof, { ...base, query, outcome: 'nothing', reason });
        break;
      }
    }
  }
}
