import { Controller, Get, Inject, Param } from '@nestjs/common';
import { LIMITS, type ModelList, type ModelManifest, type ModelView } from '@bpi/job-contract';
import type { Catalogue } from '@bpi/jobs';
import { ProblemError } from './http/problem-error.ts';
import type { ApiSettings } from './settings.ts';
import { CATALOGUE, SETTINGS } from './tokens.ts';

@Controller()
export class ModelsController {
  readonly #catalogue: Catalogue;
  readonly #settings: ApiSettings;

  constructor(@Inject(CATALOGUE) catalogue: Catalogue, @Inject(SETTINGS) settings: ApiSettings) {
    this.#catalogue = catalogue;
    this.#settings = settings;
  }

  @Get('models')
  list(): ModelList {
    return { models: this.#catalogue.all().map((model) => modelView(model, this.#settings)) };
  }

  @Get('models/:name')
  show(@Param('name') name: string): ModelView {
    const model = this.#catalogue.find(name);
    if (model === null) throw new ProblemError('not_found');
    return modelView(model, this.#settings);
  }
}

function modelView(model: ModelManifest, settings: ApiSettings): ModelView {
  return {
    name: model.name,
    version: model.version,
    title: model.title,
    description: model.description,
    licence: model.licence,
    intended_use: model.intended_use,
    evidence: model.evidence,
    is_default: model.name === settings.defaultModel,
    input: model.input,
    prompts: model.prompts,
    prompt_examples: model.prompt_examples,
    weights: weightsView(model),
    fixed_labels: model.fixed_labels,
    params: model.params,
    progress_steps: model.progress_steps,
    attempt_timeout_s: model.attempt_timeout_s,
    limits: {
      upload_bytes_max: settings.uploadBytesMax,
      imgs_bytes_max: LIMITS.imgsBytesMax,
      voxels_max: LIMITS.voxelsMax,
      dim_max: LIMITS.dimMax,
      npz_members_max: LIMITS.npzMembersMax,
      prompt_count_max: LIMITS.promptCountMax,
      prompt_chars_max: LIMITS.promptCharsMax,
      params_bytes_max: LIMITS.paramsBytesMax,
      geometry_bytes_max: LIMITS.geometryBytesMax,
    },
  };
}

function weightsView({ weights }: ModelManifest): ModelView['weights'] {
  if (weights === null) return 'in_image';
  return weights.sha256 === null ? 'not_pinned' : 'pinned';
}
