/** Web Authentication: making a passkey for an account, and showing one. */
import type { Account, Passkey } from '@sallyport/accounts';
import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server';
import { z } from 'zod';
import type { Entrance } from './entrance.ts';

const TIMEOUT_MS = 2 * 60_000;
/** ES256, Ed25519, RS256: what authenticators have. */
const ALGORITHMS = [-7, -8, -257];

const base64url = z
  .string()
  .regex(/^[A-Za-z0-9_-]+$/)
  .max(65_536);
const credential = {
  id: base64url.max(1_400),
  rawId: base64url.max(1_400),
  type: z.literal('public-key'),
  clientExtensionResults: z.record(z.string().max(64), z.unknown()),
  authenticatorAttachment: z.enum(['platform', 'cross-platform']).nullish(),
};

/** What `PublicKeyCredential.toJSON` gives for a passkey that was shown. */
export const assertionSchema = z.object({
  ...credential,
  response: z.object({
    clientDataJSON: base64url,
    authenticatorData: base64url,
    signature: base64url,
    userHandle: base64url.exactOptional(),
  }),
});
type Assertion = z.infer<typeof assertionSchema>;

/** … and for one that was made. */
export const attestationSchema = z.object({
  ...credential,
  response: z.object({
    clientDataJSON: base64url,
    attestationObject: base64url,
    transports: z.array(z.string().max(32)).max(8).exactOptional(),
  }),
});
type Attestation = z.infer<typeof attestationSchema>;

/** What the browser is to ask its authenticators for. `account`: only passkeys of that one. */
export async function requestOptions({ host }: Entrance, account: Account | null) {
  return await generateAuthenticationOptions({
    rpID: host,
    timeout: TIMEOUT_MS,
    userVerification: 'required',
    allowCredentials: (account?.passkeys ?? []).map(({ id, transports }) => ({
      id,
      transports: [...transports],
    })),
  });
}

/** What the browser is to make a passkey with: one that names its account by itself. */
export async function creationOptions({ host, ports }: Entrance, account: Account) {
  return await generateRegistrationOptions({
    rpID: host,
    rpName: ports.options.gatewayName,
    userName: account.name,
    userID: new Uint8Array(Buffer.from(account.id, 'hex')),
    timeout: TIMEOUT_MS,
    attestationType: 'none',
    excludeCredentials: account.passkeys.map(({ id }) => ({ id })),
    authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    supportedAlgorithmIDs: ALGORITHMS,
  });
}

/** @returns the counter of the authenticator; null if this is not its word for our challenge. */
export async function verifyAssertion(
  { host, origin }: Entrance,
  of: {
    readonly assertion: Assertion;
    readonly challenge: string;
    readonly passkey: Passkey;
  },
): Promise<number | null> {
  const { assertion, challenge, passkey } = of;
  try {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: plain(assertion),
      expectedChallenge: challenge,
      expectedOrigin: origin,
      expectedRPID: host,
      requireUserVerification: true,
      credential: {
        id: passkey.id,
        publicKey: new Uint8Array(Buffer.from(passkey.publicKey, 'base64url')),
        // Compared where it is kept, under the lock of the accounts.
        counter: 0,
      },
    });
    return verified ? authenticationInfo.newCounter : null;
  } catch {
    // It throws for whatever a stranger sends: another origin, another challenge, broken CBOR.
    return null;
  }
}

/** @returns null if this is no passkey made for our challenge. */
export async function verifyAttestation(
  { host, origin, ports }: Entrance,
  of: { readonly attestation: Attestation; readonly challenge: string; readonly name: string },
): Promise<Passkey | null> {
  const { attestation, challenge, name } = of;
  try {
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response: plain(attestation),
      expectedChallenge: challenge,
      expectedOrigin: origin,
      expectedRPID: host,
      requireUserVerification: true,
      supportedAlgorithmIDs: ALGORITHMS,
    });
    if (!verified) return null;
    const made = registrationInfo.credential;
    return {
      id: made.id,
      publicKey: Buffer.from(made.publicKey).toString('base64url'),
      counter: made.counter,
      transports: attestation.response.transports ?? [],
      name,
      createdAt: ports.clock.now().toISOString(),
      lastUsedAt: null,
    };
  } catch {
    return null;
  }
}

/** Without what we do not read, and as the library's types have it. */
function plain<R extends object>(from: {
  readonly id: string;
  readonly rawId: string;
  readonly type: 'public-key';
  readonly response: R;
}) {
  const { id, rawId, type, response } = from;
  return { id, rawId, type, response, clientExtensionResults: {} };
}
