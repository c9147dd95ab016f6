import type { ModelManifest } from '@bpi/job-contract';

/** The models of this deployment by name. Read once by `main`; the same value in API, worker and stager. */
export class Catalogue {
  readonly #models: ReadonlyMap<string, ModelManifest>;

  /** Throws on two models of one name. */
  constructor(models: readonly ModelManifest[]) {
    this.#models = new Map(models.map((model) => [model.name, model]));
    if (this.#models.size !== models.length) throw new Error('two models share a name: rename one folder’s model.json');
  }

  find(name: string): ModelManifest | null {
    return this.#models.get(name) ?? null;
  }

  /** The very version a job was accepted for; null if the catalogue has moved on. */
  findVersion(model: { name: string; version: string }): ModelManifest | null {
    const manifest = this.find(model.name);
    return manifest?.version === model.version ? manifest : null;
  }

  all(): ModelManifest[] {
    return [...this.#models.values()];
  }
}
