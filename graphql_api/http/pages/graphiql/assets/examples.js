// The example operations of the server as a list by task, beside the editors.
"use strict";

globalThis.examplesPlugin = (groups) => {
  const { createElement: h } = React;
  const { useEditorContext } = GraphiQL.React;
  const all = groups.flatMap((group) => group.examples);

  function Icon() {
    const lines = ["M4 6h1", "M4 12h1", "M4 18h1", "M9 6h11", "M9 12h11", "M9 18h11"].map((d) => h("path", { key: d, d }));
    return h("svg", { viewBox: "0 0 24 24", fill: "none", stroke: "currentColor", strokeWidth: 1.5, "aria-hidden": true }, lines);
  }

  function Content() {
    const editors = useEditorContext();
    const open = (example) => {
      openOperation(editors, example, all);
      GraphiQLBar.showPane("query");
    };
    const item = (example) =>
      h("li", { key: example.name }, h("button", { type: "button", onClick: () => open(example) }, example.about));
    const group = ({ title, examples }) => [h("h3", { key: title }, title), h("ul", { key: `${title}:` }, examples.map(item))];
    return h("section", { className: "examples", "aria-label": "Examples" }, h("h2", null, "Examples"), groups.flatMap(group));
  }

  return { title: "Examples", icon: Icon, content: Content };
};

// Opens an operation in the current tab if that is empty or an unchanged example, otherwise in a new one.
globalThis.openOperation = ({ addTab, queryEditor, variableEditor, responseEditor }, { query, variables }, examples) => {
  const current = queryEditor.getValue().trim();
  if (current && !examples.some((example) => example.query.trim() === current)) ReactDOM.flushSync(addTab);
  queryEditor.setValue(query);
  variableEditor.setValue(variables ?? "");
  responseEditor.setValue("");
};
