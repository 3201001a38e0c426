import {
  type CallParams,
  type CallResult,
  type IpcClient,
  IpcUnavailable,
  keyholderOperatorProtocol,
  type RequestedOrganization,
} from '@sallyport/ipc';
import { askProcess, type Gateway, NotRunning } from './gateway-access.ts';

type Operator = typeof keyholderOperatorProtocol;
type TokenKey = CallResult<Operator, 'tokenKey'>;

function keyholderOf({ layout }: Gateway) {
  const { keyholderOperator: path } = layout.sockets;
  return { name: 'keyholder', path, protocol: keyholderOperatorProtocol } as const;
}

async function ask<R>(
  gateway: Gateway,
  call: (client: IpcClient<Operator>) => Promise<R>,
): Promise<R> {
  return await askProcess(keyholderOf(gateway), call);
}

/** As `ask`; null if no gateway is running. One that does not answer in time is a failure. */
async function askIfRunning<R>(
  gateway: Gateway,
  call: (client: IpcClient<Operator>) => Promise<R>,
): Promise<R | null> {
  try {
    return await ask(gateway, call);
  } catch (error) {
    const isStopped =
      error instanceof NotRunning &&
      error.cause instanceof IpcUnavailable &&
      error.cause.kind === 'connect';
    if (isStopped) return null;
    throw error;
  }
}

/** Lets a running gateway take up a change of keys. @returns false if none is running. */
export async function reloadKeys(gateway: Gateway): Promise<boolean> {
  return (await askIfRunning(gateway, (client) => client.call('reload', {}))) !== null;
}

/** A PKCS#10 request out of the keyholder, DER; null if no gateway is running. */
export async function csrOfKeyholder(
  gateway: Gateway,
  keyId: string,
  organization: RequestedOrganization,
): Promise<Buffer | null> {
  const order = { keyId, organization };
  const answer = await askIfRunning(gateway, (client) => client.call('signCsr', order));
  return answer === null ? null : Buffer.from(answer.csr, 'base64');
}

/** The public half of a key on the token. @throws Complaint if no gateway is running. */
export async function tokenKey(gateway: Gateway, uri: string): Promise<TokenKey> {
  return await ask(gateway, (client) => client.call('tokenKey', { uri }));
}

/** Makes a key pair on the token. @throws Complaint if no gateway is running. */
export async function generateOnToken(
  gateway: Gateway,
  order: CallParams<Operator, 'generateOnToken'>,
): Promise<TokenKey> {
  return await ask(gateway, (client) => client.call('generateOnToken', order));
}
