/** OpenID Connect: the authorization code flow with PKCE, as a relying party. */
import { readFile } from 'node:fs/promises';
import { ROLES, type Role } from '@sallyport/accounts';
import {
  authorizationCodeGrant,
  buildAuthorizationUrl,
  type Configuration,
  calculatePKCECodeChallenge,
  customFetch,
  discovery,
  enableNonRepudiationChecks,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
} from 'openid-client';
import type { ConsoleOptions } from '../options.ts';
import { fetchFromProvider } from './provider-fetch.ts';

export const RETURN_PATH = '/sign-in/provider/return';
/** The provider may change its keys and addresses; they are asked for again after so long. */
const DISCOVERED_FOR_MS = 60 * 60_000;
/** Who must show again who they are does so at the provider, no longer ago than this. */
const AGAIN_WITHIN_S = 60;
const MAX_VALUES = 1_000;

/** What the browser carries while somebody is at the provider. */
export interface Journey {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
  readonly next: string;
  /** They are to sign in there anew, though the provider may know them already. */
  readonly anew: boolean;
}

export interface Departure {
  readonly to: string;
  readonly journey: Journey;
}

/** Who the provider says it is. */
export interface Arrival {
  readonly issuer: string;
  readonly subject: string;
  readonly preferredName: string;
  readonly roles: readonly Role[];
}

type OidcOptions = NonNullable<ConsoleOptions['oidc']>;

/** One OpenID provider. */
export class Provider {
  readonly #options: OidcOptions;
  readonly #origin: string;
  #known: { readonly at: Date; readonly configuration: Configuration } | null = null;

  constructor(options: OidcOptions, origin: string) {
    this.#options = options;
    this.#origin = origin;
  }

  /** Where to send somebody. @throws Error if the provider cannot be reached or believed. */
  async depart(of: {
    readonly next: string;
    readonly anew: boolean;
    readonly now: Date;
  }): Promise<Departure> {
    const configuration = await this.#configuration(of.now);
    const verifier = randomPKCECodeVerifier();
    const journey: Journey = {
      state: randomState(),
      nonce: randomNonce(),
      verifier,
      next: of.next,
      anew: of.anew,
    };
    const to = buildAuthorizationUrl(configuration, {
      redirect_uri: this.#origin + RETURN_PATH,
      scope: 'openid profile',
      response_type: 'code',
      code_challenge: await calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state: journey.state,
      nonce: journey.nonce,
      ...(of.anew ? { max_age: String(AGAIN_WITHIN_S), prompt: 'login' } : {}),
    });
    return { to: to.href, journey };
  }

  /**
   * Trades the code that somebody came back with for who they are.
   *
   * @throws Error for whatever does not fit: state, nonce, audience, signature, a used code.
   */
  async arrive(url: URL, journey: Journey, now: Date): Promise<Arrival> {
    const configuration = await this.#configuration(now);
    const tokens = await authorizationCodeGrant(configuration, url, {
      expectedState: journey.state,
      expectedNonce: journey.nonce,
      pkceCodeVerifier: journey.verifier,
      idTokenExpected: true,
      ...(journey.anew ? { maxAge: AGAIN_WITHIN_S } : {}),
    });
    const claims = tokens.claims();
    if (claims === undefined) throw new Error('the provider gave no ID token');
    const name = claims['preferred_username'];
    return {
      issuer: claims.iss,
      subject: claims.sub,
      preferredName: typeof name === 'string' ? name : '',
      roles: rolesOf(claims[this.#options.roleClaim], this.#options.roles),
    };
  }

  async #configuration(now: Date): Promise<Configuration> {
    const known = this.#known;
    if (known !== null && now.getTime() - known.at.getTime() < DISCOVERED_FOR_MS) {
      return known.configuration;
    }
    const { issuer, clientId, clientSecretFile, anchorsFile } = this.#options;
    const secret = (await readFile(clientSecretFile, 'utf8')).trim();
    const anchors = anchorsFile === null ? null : await readFile(anchorsFile, 'utf8');
    const configuration = await discovery(new URL(issuer), clientId, secret, undefined, {
      [customFetch]: async (url, call) => await fetchFromProvider(url, call, anchors),
    });
    // The library else takes TLS for proof enough: the ID token's own signature is checked as well.
    enableNonRepudiationChecks(configuration);
    this.#known = { at: now, configuration };
    return configuration;
  }
}

/** The roles that the values of a claim stand for; a value that nobody mapped stands for none. */
export function rolesOf(
  claim: unknown,
  mapping: Readonly<Record<string, readonly string[]>>,
): readonly Role[] {
  const values = [claim].flat().slice(0, MAX_VALUES);
  const given = values.flatMap((value) =>
    typeof value === 'string' && Object.hasOwn(mapping, value) ? (mapping[value] ?? []) : [],
  );
  return ROLES.filter((role) => given.includes(role));
}
