import { Controller, HttpCode, Inject, Post, Req, Res } from '@nestjs/common';
import { WARNING_CODES, WARNINGS, type Submitted } from '@bpi/job-contract';
import type { Request, Response } from './http/types.ts';
import type { Intake } from './infer/intake.ts';
import { INTAKE } from './tokens.ts';

@Controller()
export class InferController {
  readonly #intake: Intake;

  constructor(@Inject(INTAKE) intake: Intake) {
    this.#intake = intake;
  }

  @Post('infer')
  @HttpCode(202)
  async infer(@Req() req: Request, @Res({ passthrough: true }) res: Response): Promise<Submitted> {
    const { job, isReplay } = await this.#intake.accept({ req, res });
    res.setHeader('Location', `/status/${job.jobId}`);
    if (isReplay) res.setHeader('Idempotency-Replayed', 'true');
    const warnings = WARNING_CODES.filter((code) => job.warnings.includes(code)).map((code) => ({
      code,
      message: WARNINGS[code],
    }));
    return { job_id: job.jobId, status: 'submitted', ...(warnings.length === 0 ? {} : { warnings }) };
  }
}
