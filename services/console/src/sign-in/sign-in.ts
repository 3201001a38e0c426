import type { Desk } from '../desk/desk.ts';
import type { SignIn } from '../identity.ts';
import { registerAccount } from './account-routes.ts';
import { createEntrance } from './entrance.ts';
import { identify } from './identify.ts';
import { registerLink } from './link-routes.ts';
import { hasToken, isCrossSite } from './origin.ts';
import { registerPasskey } from './passkey-routes.ts';
import { registerPassword } from './password-routes.ts';
import { registerProvider } from './provider-routes.ts';

/** Sign-in by password, passkey, recovery code, one-time link and OpenID provider; tokens; sessions. */
export async function createSignIn({ ports }: Pick<Desk, 'ports'>): Promise<SignIn> {
  const entrance = createEntrance(ports);
  return {
    identify: async (request) => await identify(entrance, request),
    isForged: (request, { csrf }) => {
      // A token is in no cookie: no page of a stranger's makes a browser send it.
      if (csrf === null) return false;
      return isCrossSite(request, entrance.origin) || !hasToken(request, csrf);
    },
    register: (app, show) => {
      const door = { app, entrance, show };
      registerPassword(door);
      registerPasskey(door);
      registerProvider(door);
      registerLink(door);
      registerAccount(door);
    },
  };
}
