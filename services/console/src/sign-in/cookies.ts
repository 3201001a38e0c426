import type { FastifyReply, FastifyRequest } from 'fastify';

/** `__Host-`: only over HTTPS, from this very host, for all of it (RFC 6265bis). */
const COOKIES = {
  session: '__Host-sallyport',
  /** A ticket between the steps of signing in. */
  step: '__Host-sallyport-step',
  /** A ticket while somebody is at the OpenID provider. */
  oidc: '__Host-sallyport-oidc',
  /** A ticket that says that this browser has signed in to an account before. */
  device: '__Host-sallyport-device',
} as const;
type Cookie = keyof typeof COOKIES;

export function cookieOf(request: FastifyRequest, cookie: Cookie): string | undefined {
  return request.cookies[COOKIES[cookie]];
}

export function setCookie(
  reply: FastifyReply,
  cookie: Cookie,
  value: { readonly value: string; readonly maxAgeS?: number },
): void {
  reply.setCookie(COOKIES[cookie], value.value, {
    path: '/',
    secure: true,
    httpOnly: true,
    // The provider sends people back from its own site; no other step begins on a stranger's page.
    sameSite: cookie === 'oidc' ? 'lax' : 'strict',
    ...(value.maxAgeS === undefined ? {} : { maxAge: value.maxAgeS }),
  });
}

export function clearCookie(reply: FastifyReply, cookie: Cookie): void {
  setCookie(reply, cookie, { value: '', maxAgeS: 0 });
}
