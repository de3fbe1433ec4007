// graphql-eslint's recommended rules for schemas, over schema.graphql: no finding.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as eslint from "@graphql-eslint/eslint-plugin";
import { ESLint } from "eslint";
import { ROOT } from "./server.js";

// Values that have no identity of their own: they come and go with the thing that they belong to.
const VALUES = [
  "AlternativeName",
  "AreaOfInterest",
  "CareerPath",
  "CareerStep",
  "Classification",
  "CompetenceGap",
  "CompetenceGroup",
  "ConceptChange",
  "EconomicSector",
  "LocalizedString",
  "LocalizedText",
  "Mapping",
  "PageInfo",
  "ProfileFacets",
  "ProfileMatch",
  "ProofOfLearning",
  "ReleasePresence",
  "SearchMatch",
  "SimilarProfile",
  "Succession",
  "Suggestion",
  "TextCompetence",
  "TextCompetences",
  "TextSpan",
  "TranslatedId",
  "TranslationCoverage",
];
const RULES = {
  // The only directive in the schema is GraphQL's own `@oneOf`, for clients that do not know it yet.
  "@graphql-eslint/require-description": ["error", { types: true, DirectiveDefinition: false, rootField: true }],
  "@graphql-eslint/strict-id-in-types": ["error", { exceptions: { types: VALUES, suffixes: ["Connection", "Edge", "Facet"] } }],
  "@graphql-eslint/relay-page-info": "error",
  "@graphql-eslint/relay-connection-types": "error",
  "@graphql-eslint/relay-arguments": ["error", { includeBoth: false }],
};

test("the schema has no finding of graphql-eslint", async () => {
  const linter = new ESLint({
    cwd: ROOT,
    overrideConfigFile: true,
    overrideConfig: [
      {
        files: ["*.graphql"],
        languageOptions: { parser: eslint.parser, parserOptions: { graphQLConfig: { schema: `${ROOT}schema.graphql` } } },
        plugins: { "@graphql-eslint": eslint.default ?? eslint },
        rules: {
          ...(eslint.default ?? eslint).configs["flat/schema-recommended"].rules,
          ...RULES,
        },
      },
    ],
  });
  const results = await linter.lintFiles(["schema.graphql"]);
  const found = results.flatMap((each) => each.messages.map((one) => `${one.line}: ${one.ruleId}: ${one.message}`));
  assert.deepEqual(found, []);
});

