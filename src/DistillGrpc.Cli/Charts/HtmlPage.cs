using System.Text;
using System.Xml;
using System.Xml.Linq;

namespace DistillGrpc.Cli.Charts;

/// <summary>A page that needs nothing but itself: no script, no font or picture from elsewhere, light or dark as its reader has it.</summary>
internal static class HtmlPage
{
    private const int LongText = 36;
    private static readonly string[] Void = ["meta", "br", "link", "hr"];

    /// <summary>The page's text, which is XML, too.</summary>
    public static string Text(string title, params object?[] body)
    {
        var page = new XElement(
            "html", new XAttribute("lang", "en"),
            new XElement(
                "head",
                new XElement("meta", new XAttribute("charset", "utf-8")),
                new XElement("meta", new XAttribute("name", "viewport"), new XAttribute("content", "width=device-width, initial-scale=1")),
                new XElement("meta", new XAttribute("name", "color-scheme"), new XAttribute("content", "light dark")),
                new XElement("title", title),
                new XElement("style", Style)),
            new XElement("body", new XElement("main", new XElement("h1", title), body)));
        MakeReadable(page);
        var text = new StringBuilder("<!DOCTYPE html>\n");
        using (var writer = XmlWriter.Create(text, new XmlWriterSettings { OmitXmlDeclaration = true }))
        {
            page.WriteTo(writer);
        }

        return text.Append('\n').ToString();
    }

    /// <summary>A table; cells that begin with a digit, a sign or a dash stand on the right.</summary>
    public static XElement Table(IEnumerable<string> head, IEnumerable<IEnumerable<string>> rows) => new(
        "div", new XAttribute("class", "table"),
        new XElement(
            "table",
            new XElement("thead", new XElement("tr", head.Select(text => new XElement("th", new XAttribute("scope", "col"), text)))),
            new XElement("tbody", rows.Select(row => new XElement("tr", row.Select(text => new XElement("td", text.Length > LongText ? new XAttribute("class", "long") : IsNumber(text) ? new XAttribute("class", "number") : null, text)))))));

    /// <summary>A table without those of its first columns in which all rows say the same.</summary>
    public static XElement Table(int first, IReadOnlyList<string> head, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        bool IsTold(int column) => column >= first || rows.Select(row => row[column]).Distinct().Count() != 1;
        return Table(head.Where((_, column) => IsTold(column)), rows.Select(row => row.Where((_, column) => IsTold(column))));
    }

    public static XElement Section(string title, params object?[] content) => new("section", new XElement("h2", title), content);

    public static XElement Text(string text) => new("p", text);

    /// <summary>What is long and seldom read.</summary>
    public static XElement Details(string title, string text) => new("details", new XElement("summary", title), new XElement("pre", text));

    // What a browser and XML read alike.
    private static void MakeReadable(XElement page)
    {
        foreach (var element in page.Descendants())
        {
            foreach (var attribute in element.Attributes())
            {
                attribute.Value = Clean(attribute.Value);
            }

            foreach (var text in element.Nodes().OfType<XText>())
            {
                text.Value = Clean(text.Value);
            }

            // A browser takes <td/> for a beginning.
            if (element.IsEmpty && !Void.Contains(element.Name.LocalName))
            {
                element.Add("");
            }
        }
    }

    // Without what XML cannot hold, such as a model may write, or half of a letter that was cut.
    private static string Clean(string text) =>
        string.Concat(text.EnumerateRunes().Select(letter => letter.IsBmp && !XmlConvert.IsXmlChar((char)letter.Value) ? Rune.ReplacementChar : letter));

    private static bool IsNumber(string text) => text.Length > 0 && (char.IsAsciiDigit(text[0]) || (text[0] is '−' or '+' or '-' or '–'));

    private const string Style = """
        :root{color-scheme:light dark;--back:#fff;--fore:#1c1f23;--soft:#5b6470;--grid:#e3e6ea;--rule:#9aa3ad;--right:#0072b2;--wrong:#c04a00;--inverse:#fff;
        --c0:#5b6470;--c1:#0072b2;--c2:#d55e00;--c3:#008a64;--c4:#b4508a;--c5:#a87900;--c6:#3a9bd1;--c7:#6a3d9a;--c8:#8c5a2b;--c9:#c2185b}
        @media (prefers-color-scheme:dark){:root{--back:#14171a;--fore:#e8eaed;--soft:#a4adb8;--grid:#2a2f35;--rule:#6b7480;--right:#5db7f0;--wrong:#ff9a57;--inverse:#14171a;
        --c0:#b4bcc6;--c1:#5db7f0;--c2:#ff9a57;--c3:#3fd0a3;--c4:#eb9acb;--c5:#f0c04a;--c6:#9ad4f5;--c7:#c3a0ee;--c8:#d6a878;--c9:#ff7fae}}
        body{margin:0;background:var(--back);color:var(--fore);font:15px/1.5 system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
        main{max-width:1000px;margin:0 auto;padding:24px 20px 60px}
        h1{font-size:26px;margin:0 0 4px}h2{font-size:19px;margin:36px 0 8px}h3{font-size:15px;margin:20px 0 4px}p{margin:6px 0 12px;max-width:75ch}
        .soft{color:var(--soft)}.figure{display:grid;grid-template-columns:repeat(auto-fit,minmax(340px,1fr));gap:18px;align-items:start}
        svg{width:100%;height:auto;display:block}svg text{fill:var(--fore);font-size:12px;font-family:inherit}svg .heading{font-size:13px;font-weight:600}svg .tick{fill:var(--soft);font-size:11px}
        svg .end{text-anchor:end}svg .middle{text-anchor:middle}svg .inverse{fill:var(--inverse)}svg .grid{stroke:var(--grid)}svg .hollow{fill:var(--back);stroke-width:2}svg .axis{stroke:var(--rule)}
        svg polyline{fill:none;stroke-width:2;stroke-linejoin:round}svg .dashed{stroke-dasharray:6 4}svg .spread{stroke-width:1;opacity:.7}svg .single{opacity:.55}
        svg .teacher{stroke:var(--fore);stroke-width:1.5;stroke-dasharray:8 5}svg .floor{stroke:var(--soft);stroke-width:1.5;stroke-dasharray:2 4}
        svg .right{fill:var(--right)}svg .wrong{fill:var(--wrong)}
        .legend{list-style:none;display:flex;flex-wrap:wrap;gap:4px 20px;padding:0;margin:6px 0 18px;font-size:13px;color:var(--soft)}.legend svg{display:inline-block;width:30px;height:14px;vertical-align:-2px}
        .table{overflow-x:auto;margin:8px 0 16px}table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums}th,td{text-align:left;padding:4px 10px;border-bottom:1px solid var(--grid);vertical-align:top}
        th{color:var(--soft);font-weight:600;vertical-align:bottom}td{white-space:nowrap}td.number{text-align:right}td.long{white-space:normal;min-width:22ch}
        details{margin:8px 0}summary{cursor:pointer}pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:12px;background:color-mix(in srgb,var(--grid) 50%,transparent);padding:10px;border-radius:6px}
        """ + "\n.stroke0{stroke:var(--c0)}.stroke1{stroke:var(--c1)}.stroke2{stroke:var(--c2)}.stroke3{stroke:var(--c3)}.stroke4{stroke:var(--c4)}.stroke5{stroke:var(--c5)}.stroke6{stroke:var(--c6)}.stroke7{stroke:var(--c7)}.stroke8{stroke:var(--c8)}.stroke9{stroke:var(--c9)}"
        + "\n.fill0{fill:var(--c0)}.fill1{fill:var(--c1)}.fill2{fill:var(--c2)}.fill3{fill:var(--c3)}.fill4{fill:var(--c4)}.fill5{fill:var(--c5)}.fill6{fill:var(--c6)}.fill7{fill:var(--c7)}.fill8{fill:var(--c8)}.fill9{fill:var(--c9)}\n";
}
