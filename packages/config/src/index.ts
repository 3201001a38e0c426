/** The gateway's one YAML file: schema, loader and reference. */
export { type ConfigFault, type LoadedConfig, loadConfig, parseConfig } from './load.ts';
export { formatReference } from './reference.ts';
export { type GatewayConfig, gatewayConfigSchema } from './schema.ts';
