import { readFileSync, writeFileSync } from "node:fs";
const f = process.argv[2] ?? "package-lock.json", lock = JSON.parse(readFileSync(f, "utf8")), pk = lock.packages;
const OS = ["android","darwin","linux","win32","freebsd","netbsd","openbsd","sunos","openharmony","aix"];
const CPU = ["x64","arm64","ia32","arm","ppc64","riscv64","s390x","loong64","mips64el","wasm32"];
let n = 0;
for (const [at, p] of Object.entries(pk)) for (const [name, range] of Object.entries(p.optionalDependencies ?? {})) {
  let dir = at, found = false;
  for (;;) {
    if (pk[(dir ? dir + "/" : "") + "node_modules/" + name]) { found = true; break; }
    if (!dir) break;
    const i = dir.lastIndexOf("node_modules/"); dir = i <= 0 ? "" : dir.slice(0, i).replace(/\/$/, "");
  }
  const m = /^[~^]?(\d+\.\d+\.\d+\S*)$/.exec(range);
  if (found || !m) continue;
  const parts = name.split(/[-/]/), os = parts.find((x) => OS.includes(x));
  const cpu = parts.map((x) => x.replace(/eabi.*$/, "")).find((x) => CPU.includes(x));
  pk["node_modules/" + name] = { version: m[1], ...(cpu && { cpu: [cpu] }), ...(p.dev && { dev: true }),
    ...(/musl/.test(name) ? { libc: ["musl"] } : /gnu/.test(name) ? { libc: ["glibc"] } : {}), optional: true,
    ...(os && { os: [os] }) };
  n++;
}
lock.packages = Object.fromEntries(Object.entries(pk).sort(([a], [b]) => (a === "" ? -1 : b === "" ? 1 : a.localeCompare(b, "en"))));
writeFileSync(f, JSON.stringify(lock, null, 2) + "\n"); console.log("added", n);
