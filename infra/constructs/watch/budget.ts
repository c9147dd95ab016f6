import { BudgetsBudget } from '@cdktf/provider-aws/lib/budgets-budget/index.js';
import { Construct } from 'constructs';
import type { StackContext } from '../stack-context.ts';

export type BudgetSettings = {
  usdPerMonth: number;
  /** Who gets the mails. */
  email: string;
};

/**
 * Mails before the month gets expensive. Of the whole account: a budget for one environment would go by its tag, and
 * sees nothing until somebody activates that tag for cost allocation, which is no budget at all.
 */
export class Budget extends Construct {
  constructor(scope: Construct, id: string, context: StackContext, settings: BudgetSettings) {
    super(scope, id);
    const mail = (notificationType: 'ACTUAL' | 'FORECASTED', percent: number) => ({
      notificationType,
      comparisonOperator: 'GREATER_THAN',
      threshold: percent,
      thresholdType: 'PERCENTAGE',
      subscriberEmailAddresses: [settings.email],
    });
    new BudgetsBudget(this, 'budget', {
      name: context.name('monthly'),
      budgetType: 'COST',
      timeUnit: 'MONTHLY',
      limitAmount: String(settings.usdPerMonth),
      limitUnit: 'USD',
      notification: [mail('ACTUAL', 80), mail('FORECASTED', 100)],
    });
  }
}
