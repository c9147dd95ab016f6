import nx from '@nx/eslint-plugin';
import tseslint from 'typescript-eslint';

/**
 * Which project may import which; the arrows of the README. A project without a tag may import nothing. The inner
 * packages name their only external imports; @jest/globals is for their spec files.
 */
const depConstraints = [
  { sourceTag: 'type:contract', onlyDependOnLibsWithTags: [], allowedExternalImports: ['zod', '@jest/globals'] },
  { sourceTag: 'type:domain', onlyDependOnLibsWithTags: ['type:contract'], allowedExternalImports: ['@jest/globals'] },
  { sourceTag: 'type:volumes', onlyDependOnLibsWithTags: [], allowedExternalImports: ['yauzl', '@jest/globals'] },
  {
    sourceTag: 'type:files',
    onlyDependOnLibsWithTags: ['type:contract'],
    allowedExternalImports: ['@jest/globals'],
  },
  {
    sourceTag: 'type:adapter',
    onlyDependOnLibsWithTags: ['type:domain', 'type:contract', 'type:files'],
    bannedExternalImports: ['@nestjs/*', 'express', 'multer'],
  },
  { sourceTag: 'scope:local', bannedExternalImports: ['@aws-sdk/*'] },
  { sourceTag: 'type:simulator', onlyDependOnLibsWithTags: [], bannedExternalImports: ['@nestjs/*'] },
  { sourceTag: 'scope:memory', onlyDependOnLibsWithTags: ['type:domain', 'type:contract'], allowedExternalImports: [] },
  {
    sourceTag: 'type:app',
    onlyDependOnLibsWithTags: ['type:adapter', 'type:domain', 'type:contract', 'type:files', 'type:volumes'],
    bannedExternalImports: ['@aws-sdk/*', 'cdktf', '@cdktf/*'],
  },
  { sourceTag: 'scope:plain-node', bannedExternalImports: ['@nestjs/*', 'express', 'multer'] },
  {
    sourceTag: 'type:conformance',
    onlyDependOnLibsWithTags: ['type:adapter', 'type:domain', 'type:contract', 'type:files', 'type:simulator'],
  },
  {
    // The one that runs whole programs: the worker as it is, on adapters of its own.
    sourceTag: 'type:simulation',
    onlyDependOnLibsWithTags: ['type:adapter', 'type:domain', 'type:contract', 'type:app'],
    allowedExternalImports: ['@jest/globals'],
  },
  {
    // An app and a conformance suite, because one scenario has a worker of its own around the real loops.
    sourceTag: 'type:e2e',
    onlyDependOnLibsWithTags: [
      ...['type:adapter', 'type:domain', 'type:contract', 'type:simulator', 'type:tool'],
      ...['type:app', 'type:conformance'],
    ],
  },
  {
    // The value of a task and the names it needs come from the code that runs there; nothing points at the infrastructure.
    sourceTag: 'type:infra',
    onlyDependOnLibsWithTags: ['type:adapter', 'type:contract', 'type:files', 'type:tool', 'type:app'],
    bannedExternalImports: ['@nestjs/*'],
  },
  {
    sourceTag: 'type:tool',
    onlyDependOnLibsWithTags: [
      ...['type:adapter', 'type:domain', 'type:contract', 'type:files', 'type:simulator', 'type:volumes'],
    ],
  },
];

const house = {
  '@typescript-eslint/no-explicit-any': 'error',
  '@typescript-eslint/no-floating-promises': 'error',
  '@typescript-eslint/no-misused-promises': 'error',
  '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
  '@typescript-eslint/consistent-type-imports': 'error',
  eqeqeq: 'error',
  'no-console': 'error',
  'no-restricted-exports': ['error', { restrictDefaultExports: { direct: true, named: true, defaultFrom: true } }],
  'no-restricted-syntax': [
    'error',
    { selector: 'ExportAllDeclaration', message: 'Name what you export.' },
    { selector: 'TSEnumDeclaration', message: 'Use a union or a const object: types must be erasable.' },
    {
      selector:
        "CallExpression[callee.object.name='jest'][callee.property.name=/^(mock|unstable_mockModule|spyOn|fn)$/]",
      message: 'Fakes, not mocks: pass the dependency as a parameter.',
    },
  ],
  'no-restricted-properties': [
    'error',
    { object: 'process', property: 'env', message: 'Only a main parses the environment, once.' },
  ],
  'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
  'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
};

export default [
  {
    ignores: [
      '**/node_modules/',
      '**/dist/',
      'data/',
      'results/',
      '.nx/',
      '**/cdktf.out/',
      '**/*.js',
      '!eslint.config.js',
    ],
  },
  {
    files: ['**/*.ts'],
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { project: ['./tsconfig.json', './apps/api/tsconfig.json'], tsconfigRootDir: import.meta.dirname },
    },
    plugins: { '@nx': nx, '@typescript-eslint': tseslint.plugin },
    rules: {
      ...house,
      '@nx/enforce-module-boundaries': [
        'error',
        { allow: [], banTransitiveDependencies: false, checkNestedExternalImports: false, depConstraints },
      ],
    },
  },
  {
    // A describe block is a chapter, not a function; its tests keep the limit through max-lines.
    files: ['**/*.spec.ts', '**/*.conformance.ts', '**/testing/**'],
    rules: { 'max-lines-per-function': 'off' },
  },
  {
    files: [
      'apps/*/src/main*.ts',
      'apps/*/src/testing/main*.ts',
      'infra/envs/*/main.ts',
      'infra/commands/**/*.ts',
      'tools/src/**/*.ts',
      '**/*.spec.ts',
      'apps/e2e/src/**',
    ],
    rules: { 'no-restricted-properties': 'off' },
  },
];
