import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { type TestContext, test } from 'node:test';
import type { UntrustedCertificate } from './certificate.ts';
import { PKIX } from './oids.ts';
import { type PathResult, validatePath } from './path.ts';
import { formatPem } from './pem.ts';
import { NOW } from './test-authority.ts';
import { makeScene, type Scene } from './test-chains.ts';

/**
 * Chains with a few things changed and signed again, put to `openssl verify` and to `validatePath`.
 * `PATH_DIFFERENTIAL=N` makes N chains instead of the few of `npm test`, `PATH_SEED=S` other ones.
 */
const CHAINS = Number(process.env['PATH_DIFFERENTIAL'] ?? 40);
const SEED = Number(process.env['PATH_SEED'] ?? 5280);

const OPENSSL_PURPOSE = {
  any: 'any',
  'email-sign': 'smimesign',
  'email-encrypt': 'smimeencrypt',
} as const;

/** One `error N at D depth lookup` of OpenSSL. */
interface Objection {
  readonly code: number;
  readonly depth: number;
}

interface Disagreement extends Objection {
  readonly leaf: UntrustedCertificate;
  readonly path: readonly UntrustedCertificate[];
  readonly purpose: Scene['purpose'];
}

/** Of a certificate, of a CRL. */
const BAD_SIGNATURE = [7, 8];
const UNSUITABLE_PURPOSE = 26;
/** No CRL, CRL signature, not yet valid, expired, other scope, other extension, other reasons. */
const OF_CRLS = [3, 8, 11, 12, 33, 36, 44, 54];

/** The reviewed list: where OpenSSL refuses and we accept on purpose, each with its reason. */
const ACCEPTED_AGAINST_OPENSSL: readonly {
  readonly reason: string;
  readonly applies: (one: Disagreement) => boolean;
}[] = [
  {
    reason: 'RFC 8550 section 4.4.4: anyExtendedKeyUsage permits mail; OpenSSL knows it not there',
    applies: ({ code, depth, path }) =>
      code === UNSUITABLE_PURPOSE &&
      path[depth]?.extendedKeyUsage?.includes(PKIX.anyExtendedKeyUsage) === true,
  },
  {
    reason:
      'RFC 8550 section 4.4.2, RFC 5753: a key of a curve receives by keyAgreement; OpenSSL asks for keyEncipherment',
    applies: ({ code, depth, leaf, purpose }) =>
      code === UNSUITABLE_PURPOSE &&
      depth === 0 &&
      purpose === 'email-encrypt' &&
      leaf.keyUsage?.has('keyAgreement') === true,
  },
  {
    reason:
      'RFC 4158 section 2.4: of two CAs of one name OpenSSL tries one; the other one signed the certificate or the list',
    applies: ({ code, path }) =>
      BAD_SIGNATURE.includes(code) &&
      new Set(path.map(({ subjectName }) => subjectName.key)).size < path.length,
  },
  {
    reason: 'RFC 5280 section 6.1: the anchor is not asked about; OpenSSL wants a CRL for it too',
    applies: ({ code, depth, path }) => OF_CRLS.includes(code) && depth === path.length - 1,
  },
];

function isListed(
  objections: readonly Objection[],
  rest: Omit<Disagreement, keyof Objection>,
): boolean {
  const isKnown = (one: Objection) =>
    ACCEPTED_AGAINST_OPENSSL.some(({ applies }) => applies({ ...one, ...rest }));
  return objections.length > 0 && objections.every(isKnown);
}

/** What OpenSSL has against each leaf; nothing if it accepts. */
function askOpenssl(folder: string, scene: Scene): (readonly Objection[] | 'OK')[] {
  const write = (name: string, label: string, list: readonly Buffer[]): string => {
    const file = join(folder, name);
    writeFileSync(file, list.map((bytes) => formatPem(label, bytes)).join(''));
    return file;
  };
  const args = ['verify', '-attime', String(NOW.getTime() / 1000)];
  args.push('-policy_check', '-policy', 'anyPolicy');
  args.push('-purpose', OPENSSL_PURPOSE[scene.purpose]);
  args.push('-CAfile', write('root.pem', 'CERTIFICATE', [scene.anchor.der]), '-no-CApath');
  const { intermediates, crls } = scene;
  if (intermediates.length > 0) {
    const list = intermediates.map(({ der }) => der);
    args.push('-untrusted', write('untrusted.pem', 'CERTIFICATE', list));
  }
  if (crls !== null) {
    args.push('-crl_check_all', '-extended_crl', '-use_deltas');
    const list = crls.map(({ der }) => der);
    if (list.length > 0) args.push('-CRLfile', write('crls.pem', 'X509 CRL', list));
  }
  // One process for all leaves: starting it costs more than the answer.
  const files = scene.leaves.map((leaf, index) =>
    write(`leaf-${index}.pem`, 'CERTIFICATE', [leaf.der]),
  );
  const { stdout, stderr } = spawnSync('openssl', [...args, ...files], { encoding: 'utf8' });
  let before = 0;
  return files.map((file) => {
    if (stdout.includes(`${file}: OK`)) return 'OK';
    const end = stderr.indexOf(`error ${file}: verification failed`);
    assert.notEqual(end, -1, stderr);
    const said = stderr.slice(before, end);
    before = end;
    return [...said.matchAll(/^error (\d+) at (\d+) depth lookup/gm)].map(([, code, depth]) => ({
      code: Number(code),
      depth: Number(depth),
    }));
  });
}

function askOurs(scene: Scene): PathResult[] {
  const { anchor, intermediates, crls, purpose } = scene;
  return scene.leaves.map((leaf) => {
    return validatePath({
      leaf,
      intermediates,
      anchors: [anchor],
      time: NOW,
      purpose,
      ...(crls === null ? {} : { revocation: { mode: 'hard', crls } }),
    });
  });
}

function run(t: TestContext): { wrong: string[]; counts: Record<string, number> } {
  const folder = mkdtempSync(join(tmpdir(), 'path-differential-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const wrong: string[] = [];
  const counts = { 'both accept': 0, 'both refuse': 0, 'we are stricter': 0, 'on the list': 0 };
  const stricter = new Map<string, number>();
  for (let chain = 0; chain < CHAINS; chain += 1) {
    const scene = makeScene(SEED + chain);
    const theirs = askOpenssl(folder, scene);
    for (const [index, ours] of askOurs(scene).entries()) {
      const their = theirs[index] ?? [];
      const leaf = scene.leaves[index];
      if (leaf === undefined) continue;
      if (ours.kind === 'invalid') {
        counts[their === 'OK' ? 'we are stricter' : 'both refuse'] += 1;
        if (their === 'OK') stricter.set(ours.code, (stricter.get(ours.code) ?? 0) + 1);
        continue;
      }
      const { path } = ours.certificate;
      if (their === 'OK') counts['both accept'] += 1;
      else if (isListed(their, { leaf, path, purpose: scene.purpose })) counts['on the list'] += 1;
      else {
        const said = JSON.stringify(their);
        wrong.push(`seed ${SEED + chain} leaf ${index}: ${scene.words[index]}: ${said}`);
      }
    }
  }
  t.diagnostic(`stricter than OpenSSL by ${JSON.stringify(Object.fromEntries(stricter))}`);
  return { wrong, counts };
}

const hasOpenssl = spawnSync('openssl', ['version']).status === 0;
const skip = hasOpenssl ? false : 'openssl is not installed';

test('mutated chains: what openssl verify refuses is never accepted', { skip }, (t) => {
  const { wrong, counts } = run(t);
  t.diagnostic(JSON.stringify(counts));
  assert.deepEqual(wrong, []);
  // A generator that makes only good or only bad chains would prove nothing.
  assert.ok((counts['both accept'] ?? 0) > CHAINS, JSON.stringify(counts));
  assert.ok((counts['both refuse'] ?? 0) > CHAINS, JSON.stringify(counts));
});
