// graphql-eslint's recommended rules for schemas, applied to schema.graphql.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as eslint from "@graphql-eslint/eslint-plugin";
import { ESLint } from "eslint";
import { ROOT } from "./server.js";

// Value types without identity: they exist only within their parent object.
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

test("graphql-eslint reports nothing for the schema", async () => {
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
  const findings = results.flatMap(({ messages }) => messages.map(({ line, ruleId, message }) => `${line}: ${ruleId}: ${message}`));
  assert.deepEqual(findings, []);
});

