import { chmod, lstat, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';

const MAX_PATH_BYTES = 107; // sun_path of Linux, without its final NUL
const OWNER_ONLY = 0o600;
const WITH_GROUP = 0o660;

/**
 * Clears the way for a server: a socket file that nobody answers on is removed.
 *
 * @throws Error if the path is too long, is another kind of file, or a server answers there.
 */
export async function removeStaleSocket(path: string): Promise<void> {
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw new Error(`socket path is longer than ${MAX_PATH_BYTES} bytes: ${path}`);
  }
  const stat = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (stat === null) return;
  if (!stat.isSocket()) throw new Error(`${path} exists and is no socket`);
  if (await answers(path)) throw new Error(`another server answers on ${path}`);
  await unlink(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/**
 * Listens so that the socket file is closed to others from its first moment, then opens it to `mode`.
 * Without one it goes by the folder: where what is made in it gets another group than ours (setgid),
 * that group is whom the admin means to let in.
 */
export async function listenPrivately(
  server: Server,
  path: string,
  mode: number | undefined,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('listening', resolve);
  server.once('error', reject);
  const before = process.umask(0o177);
  try {
    server.listen(path); // binds within this call
  } finally {
    process.umask(before);
  }
  await promise;
  server.off('error', reject);
  await chmod(path, mode ?? ((await isOfAnotherGroup(path)) ? WITH_GROUP : OWNER_ONLY));
}

async function isOfAnotherGroup(path: string): Promise<boolean> {
  return (await lstat(path)).gid !== process.getegid?.();
}
