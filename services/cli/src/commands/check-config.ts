import { loadConfig } from '@sallyport/config';

/** Prints the faults of a config file; exit code 0 only if there are none. */
export async function runCheckConfig(file: string, json: boolean): Promise<number> {
  const loaded = await loadConfig(file);
  const faults = loaded.kind === 'ok' ? [] : loaded.faults;
  if (json) process.stdout.write(`${JSON.stringify({ ok: faults.length === 0, faults })}\n`);
  else if (faults.length === 0) process.stdout.write(`${file}: no faults found.\n`);
  else for (const { path, reason } of faults) process.stderr.write(`${path || file}: ${reason}\n`);
  return faults.length === 0 ? 0 : 1;
}
