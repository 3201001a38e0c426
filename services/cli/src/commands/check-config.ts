import { type ConfigFault, type GatewayConfig, loadConfig } from '@sallyport/config';
import { PolicyUnavailable, readActivePolicy } from '@sallyport/policy-store/read';
import { transportFaults } from '../gateway/check-routes.ts';
import { layoutOf } from '../gateway/layout.ts';

/** Prints the faults of a config file; exit code 0 only if there are none. */
export async function runCheckConfig(file: string, json: boolean): Promise<number> {
  const loaded = await loadConfig(file);
  const faults = loaded.kind === 'ok' ? await policyFaults(loaded.config) : loaded.faults;
  if (json) process.stdout.write(`${JSON.stringify({ ok: faults.length === 0, faults })}\n`);
  else if (faults.length === 0) process.stdout.write(`${file}: no faults found.\n`);
  else for (const { path, reason } of faults) process.stderr.write(`${path || file}: ${reason}\n`);
  return faults.length === 0 ? 0 : 1;
}

/** What the policy in force demands and this config cannot do. */
async function policyFaults(config: GatewayConfig): Promise<readonly ConfigFault[]> {
  try {
    const { policy } = await readActivePolicy(layoutOf(config.gateway).policy, new Date());
    return transportFaults(policy, config).map((reason) => ({ path: 'policy', reason }));
  } catch (error) {
    // Without a policy the gateway does not start; that is told by those who start it.
    if (error instanceof PolicyUnavailable) return [];
    throw error;
  }
}
