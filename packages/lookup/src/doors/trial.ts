import type { Candidate, Door, DoorEvent, DoorQuery, LocatePorts } from '../locate-types.ts';
import { askForStatement } from '../trial/ask.ts';
import type { DomainStatement } from '../trial/statement.ts';

/**
 * Trial connect (docs/trial-connect.md): the statement that a domain signs about itself. It is one
 * more place to find certificates; each is a candidate and worth what its own path is worth.
 */
export const trialDoor: Door = { name: 'trial', cached: true, search };

async function* search(query: DoorQuery, ports: LocatePorts): AsyncGenerator<DoorEvent> {
  const { domain } = query.mailbox;
  for await (const found of askForStatement(domain, ports, query.signal)) {
    yield { kind: 'step', step: found.step };
    // Another server may have an older statement: only all of them together know (CD-1, CD-7).
    if (found.step.outcome === 'failed') {
      const fault = found.source === '' ? 'dns-failure' : 'directory-unreachable';
      yield { kind: 'unavailable', fault };
    }
    if (found.statement === null) continue;
    for (const candidate of candidatesOf(found.statement, query.role, found.source)) {
      yield { kind: 'candidate', candidate };
    }
  }
}

function candidatesOf(
  statement: DomainStatement,
  role: DoorQuery['role'],
  source: string,
): Candidate[] {
  const certificates = role === 'signing' ? statement.signing : statement.encryption;
  return certificates.map((der) => ({ der, door: 'trial', binding: 'authority', source }));
}
