/** One configuration for every project: ESM, TypeScript through swc, no module mocks. */
export default {
  testMatch: ['libs', 'apps', 'tools', 'infra'].map((folder) => `<rootDir>/${folder}/**/*.spec.ts`),
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
  modulePathIgnorePatterns: ['/dist/', '/data/', '/.nx/', '/cdktf.out/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2024',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: false },
        },
        module: { type: 'es6' },
      },
    ],
  },
  setupFiles: ['<rootDir>/tools/jest-realm.js'],
  testTimeout: 30_000,
};
