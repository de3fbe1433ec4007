// The bar above GraphiQL: the key, a link to the operation, and on a phone the panes as tabs.
"use strict";

globalThis.GraphiQLBar = (() => {
  const { createElement: h, useEffect, useState } = React;
  const { useEditorContext, usePluginStore, useSchemaStore } = GraphiQL.React;
  const PANES = { examples: "Examples", docs: "Docs", query: "Query", response: "Response" };
  const PLUGINS = { examples: "Examples", docs: "Documentation Explorer" };
  const HISTORY = "history"; // has no tab; a button of GraphiQL opens it
  const PANELS = { examples: ".graphiql-plugin", docs: ".graphiql-plugin", query: ".graphiql-editors", response: ".graphiql-response" };

  // On a phone only this pane is shown; on a wide screen all of them.
  function showPane(name) {
    document.body.dataset.pane = name;
    document.dispatchEvent(new CustomEvent("pane", { detail: name }));
    for (const editor of document.querySelectorAll(".CodeMirror")) editor.CodeMirror.refresh(); // it measures what is visible
  }

  // By GraphiQL's own button, which also gives the plugin its place beside the editors.
  function openPlugin(title) {
    document.querySelector(`.graphiql-sidebar [aria-label="Show ${title}"]`)?.click();
  }

  // GraphiQL shows this plugin beside the editors, or none.
  function showPlugin(plugin) {
    const name = Object.keys(PLUGINS).find((key) => PLUGINS[key] === plugin?.title);
    showPane(plugin ? (name ?? HISTORY) : "query");
  }

  function Panes() {
    const [shown, setShown] = useState(document.body.dataset.pane);
    useEffect(() => {
      const follow = ({ detail }) => setShown(detail);
      document.addEventListener("pane", follow);
      for (const [name, selector] of Object.entries(PANELS)) document.querySelector(selector).id ||= `pane-${name}`;
      return () => document.removeEventListener("pane", follow);
    }, []);
    const select = (name) => {
      if (name in PLUGINS) openPlugin(PLUGINS[name]);
      showPane(name);
    };
    const names = Object.keys(PANES);
    const moveBy = { ArrowRight: 1, ArrowLeft: -1 };
    const onKeyDown = (event) => {
      const step = moveBy[event.key];
      if (!step) return;
      const next = names[(names.indexOf(shown) + step + names.length) % names.length];
      select(next);
      event.currentTarget.children[names.indexOf(next)].focus();
    };
    const tab = (name) =>
      h(
        "button",
        {
          key: name,
          type: "button",
          role: "tab",
          "aria-selected": name === shown,
          tabIndex: name === (shown in PANES ? shown : "query") ? 0 : -1,
          onClick: () => select(name),
        },
        PANES[name],
      );
    return h("div", { className: "panes", role: "tablist", "aria-label": "Panes", onKeyDown }, names.map(tab));
  }

  // One key for all tabs, for as long as the browser's tab is open.
  function Key({ store, header }) {
    const { introspect } = useSchemaStore();
    const onSubmit = (event) => {
      event.preventDefault();
      store.key = new FormData(event.currentTarget).get("key").trim();
      introspect();
    };
    const field = { name: "key", type: "password", autoComplete: "off", defaultValue: store.key, placeholder: header };
    return h("form", { onSubmit }, h("label", null, "Key ", h("input", field)), h("button", null, "Use"));
  }

  const COPY = "Copy link";
  // The link has the operation behind #, which browsers do not send to a server. Opening it runs nothing.
  function CopyLink() {
    const { queryEditor, variableEditor } = useEditorContext();
    const [label, setLabel] = useState(COPY);
    const copy = async () => {
      const parameters = new URLSearchParams({ query: queryEditor.getValue() });
      const variables = variableEditor.getValue().trim();
      if (variables) parameters.set("variables", variables);
      const link = new URL(`#${parameters}`, location.href);
      try {
        await navigator.clipboard.writeText(link.href);
        setLabel("Link copied");
      } catch {
        history.replaceState(null, "", link.hash); // no clipboard: the page is not secure, or it was denied
        setLabel("Link is in the address bar");
      }
      setTimeout(() => setLabel(COPY), 3000);
    };
    // The status is beside the button: a live region inside of it would take its name.
    const status = h("span", { key: "status", role: "status", className: "unseen" }, label === COPY ? "" : label);
    return [h("button", { key: "copy", type: "button", className: "copy-link", onClick: copy }, label), status];
  }

  // Tab indents in an editor. After Escape it moves on to the next control, until the editor is left.
  const LEAVE = { Tab: false, "Shift-Tab": false };
  function leaveAfterEscape(editor) {
    editor.on("keydown", (_, { key }) => key === "Escape" && editor.addKeyMap(LEAVE));
    editor.on("blur", () => editor.removeKeyMap(LEAVE));
    editor.getInputField().setAttribute("aria-description", "Escape, then Tab, leaves the editor.");
  }

  // What people without a mouse or with assistive technology need and GraphiQL leaves out: names of the editors, ways out of
  // them and scrolling by keys, and tabs that are a list of buttons, as each holds a second button that closes it.
  function useAccessibleEditors() {
    const { queryEditor, variableEditor, headerEditor, responseEditor, tabs, activeTabIndex } = useEditorContext();
    useEffect(() => {
      const editors = { Query: queryEditor, Variables: variableEditor, Headers: headerEditor, Response: responseEditor };
      for (const [name, editor] of Object.entries(editors)) {
        if (!editor || editor.getInputField().ariaLabel === name) continue;
        editor.getInputField().setAttribute("aria-label", name);
        editor.getScrollerElement().tabIndex = 0;
        leaveAfterEscape(editor);
      }
    }, [queryEditor, variableEditor, headerEditor, responseEditor]);
    useEffect(() => {
      document.querySelector(".graphiql-tabs").setAttribute("role", "list");
      document.querySelectorAll(".graphiql-tab").forEach((tab, index) => {
        tab.setAttribute("role", "listitem");
        tab.removeAttribute("aria-selected");
        tab.querySelector(".graphiql-tab-button").setAttribute("aria-current", index === activeTabIndex);
      });
    }, [tabs, activeTabIndex]);
  }

  function Bar({ store, keyHeader, opensExamples }) {
    const bar = document.getElementById("bar");
    const { plugins } = usePluginStore();
    useAccessibleEditors();
    useEffect(() => {
      if (opensExamples) openPlugin(PLUGINS.examples);
    }, [plugins]);
    const tools = [keyHeader && h(Key, { key: "key", store, header: keyHeader }), h(CopyLink, { key: "link" }), h(Panes, { key: "panes" })];
    return ReactDOM.createPortal(tools, bar);
  }

  return { Bar, showPane, showPlugin };
})();
