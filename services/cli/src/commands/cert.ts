import type { adviseProtocol, CallResult } from '@sallyport/ipc';
import { formatName, formatPemCertificate, parseCertificate } from '@sallyport/pki';
import { askAdvise, openGateway } from './gateway-access.ts';
import { print, printJson, printText } from './output.ts';
import { printSteps } from './trace-lines.ts';

const DEADLINE_MS = 60_000;

/** Looks for the certificate of an address as the gateway would; exit code 1 if none is usable. */
export async function runCertLocate(
  address: string,
  options: { readonly config: string; readonly json?: boolean; readonly role?: string },
): Promise<number> {
  const gateway = await openGateway(options.config);
  const answer = await askAdvise(
    gateway,
    DEADLINE_MS,
    async (client) => await client.call('locate', { address, role: roleOf(options.role) }),
  );
  if (options.json === true) printJson(answer);
  else {
    printSteps(answer.steps);
    for (const text of answer.certificates) printFound(Buffer.from(text, 'base64'));
    if (answer.found !== null) printTrust(answer.found);
    if (answer.certificates.length === 0) print(`No certificate for ${address} can be used.`);
  }
  return answer.certificates.length > 0 ? 0 : 1;
}

function roleOf(role: string | undefined): 'confidentiality' | 'signing' {
  return role === 'signing' ? 'signing' : 'confidentiality';
}

const PROOFS: ReadonlyMap<string, string> = new Map([
  ['path', 'it has a path to an anchor of this partner'],
  ['pinned', 'an admin pinned it'],
  ['dnssec', 'DNSSEC names it (RFC 8162)'],
]);

function printTrust(
  found: NonNullable<CallResult<typeof adviseProtocol, 'locate'>['found']>,
): void {
  const { door, owner, proof, revocation } = found;
  const { mode, status, reason } = revocation;
  const checked = mode === 'off' ? 'off, not checked' : `${mode}, ${status}`;
  print(`Trusted: ${PROOFS.get(proof) ?? proof}; found by ${door}; it is the ${owner}'s.`);
  print(`Revocation: ${checked}${reason === '' ? '' : ` (${reason})`}.`);
}

function printFound(der: Buffer): void {
  const parsed = parseCertificate(der);
  if (parsed.kind === 'certificate') {
    const { subjectName, rfc822Names, notAfter, fingerprint } = parsed.value;
    print(
      `Found: ${formatName(subjectName)} <${rfc822Names.join(', ')}>, until ${notAfter.toISOString()}`,
    );
    print(`SHA-256 ${fingerprint}`);
  }
  printText(formatPemCertificate(der));
}
