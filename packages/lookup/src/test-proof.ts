/** A CA, its web server, and proofs with them, for the tests. */
import assert from 'node:assert/strict';
import { after } from 'node:test';
import type { Certificate, PathResult } from '@sallyport/pki';
import { type PathProof, type ProvePathRequest, provePath } from './prove-path.ts';
import { RevocationMemory } from './revocation/memory.ts';
import { TestAuthority } from './test-pki.ts';
import { startWeb, TestClock, type WebAnswer, type WebRequest, webPorts } from './test-web.ts';

const HOST = 'ca.bravo.example';

type Page = (body: Buffer, request: WebRequest) => WebAnswer | undefined;

/** Ahead of OpenSSL, so that what a test makes later is not of a time to come. */
const AHEAD_MS = 60_000;

/** The clock begins about now, as OpenSSL's does, and goes only as the test says. */
export function portsNow() {
  const clock = new TestClock(Date.now() + AHEAD_MS);
  const ports = webPorts({ [`A ${HOST}`]: ['127.0.0.1'] }, clock);
  return { ...ports, clock, revocation: new RevocationMemory(clock) };
}

export type TestPorts = ReturnType<typeof portsNow>;

export function codeOf(result: PathResult): string {
  return result.kind === 'valid' ? 'valid' : result.code;
}

/** What was found of the end entity's revocation. */
export function statusOf(result: PathResult): string | undefined {
  assert.ok(result.kind === 'valid', codeOf(result));
  return result.certificate.revocation.certificates[0]?.status.kind;
}

/** One world for a test file; it goes when the file's tests have ended. */
export async function startProofs() {
  const pages = new Map<string, Page>();
  const web = await startWeb((path, request) => pages.get(path)?.(request.body, request));
  const root = TestAuthority.root('Root of Bravo');
  const middle = TestAuthority.below({ cn: 'Middle of Bravo', issuer: root });
  const made: TestAuthority[] = [root, middle];
  after(async () => {
    for (const one of made) one[Symbol.dispose]();
    await web[Symbol.asyncDispose]();
  });
  return {
    pages,
    web,
    root,
    middle,
    host: HOST,
    base: `http://${HOST}:${web.port}`,
    /** Goes with the rest. */
    keep: (one: TestAuthority): TestAuthority => {
      made.push(one);
      return one;
    },
    leaf: (cn: string, issuer: TestAuthority, ...extensions: string[]): Certificate => {
      const one = TestAuthority.mail({ cn, issuer, extensions });
      made.push(one);
      return one.certificate;
    },
    prove: (
      certificate: Certificate,
      ports: TestPorts,
      rest: Partial<ProvePathRequest> = {},
    ): Promise<PathProof> =>
      provePath(
        {
          leaf: certificate,
          intermediates: [],
          anchors: [root.certificate],
          time: ports.clock.now(),
          purpose: 'email-encrypt',
          mode: 'hard',
          ...rest,
        },
        ports,
      ),
    askedFor: (path: string): number => web.asked.filter((one) => one === path).length,
  };
}
