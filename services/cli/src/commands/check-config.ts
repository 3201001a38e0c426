import { type ConfigFault, type GatewayConfig, loadConfig } from '@sallyport/config';
import { transportFaults, transportWarnings } from '@sallyport/policy';
import { PolicyUnavailable, readActivePolicy } from '@sallyport/policy-store/read';
import { layoutOf } from '../gateway/layout.ts';

interface Findings {
  readonly faults: readonly ConfigFault[];
  /** What has no effect, and does no harm. */
  readonly warnings: readonly string[];
}

/** Prints the faults of a config file, and warnings; exit code 0 only if there are no faults. */
export async function runCheckConfig(file: string, json: boolean): Promise<number> {
  const loaded = await loadConfig(file);
  const { faults, warnings } =
    loaded.kind === 'ok'
      ? await withPolicy(loaded.config)
      : { faults: loaded.faults, warnings: [] };
  if (json) {
    process.stdout.write(`${JSON.stringify({ ok: faults.length === 0, faults, warnings })}\n`);
    return faults.length === 0 ? 0 : 1;
  }
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
  if (faults.length === 0) process.stdout.write(`${file}: no faults found.\n`);
  else for (const { path, reason } of faults) process.stderr.write(`${path || file}: ${reason}\n`);
  return faults.length === 0 ? 0 : 1;
}

/** What the policy in force demands and this config cannot do. */
async function withPolicy(config: GatewayConfig): Promise<Findings> {
  try {
    const { policy } = await readActivePolicy(layoutOf(config.gateway).policy, new Date());
    const faults = transportFaults(policy, config).map((reason) => ({ path: 'policy', reason }));
    return { faults, warnings: transportWarnings(policy, config) };
  } catch (error) {
    // Without a policy the gateway does not start; that is told by those who start it.
    if (error instanceof PolicyUnavailable) return { faults: [], warnings: [] };
    throw error;
  }
}
