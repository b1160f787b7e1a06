from echojax.report import latex
from echojax.report.blocks import Aside, Code, Strong, Table


def test_signs_of_latex_are_escaped():
    assert latex.words("50 % & a_b \\ <") == r"50 \% \& a\_b \textbackslash{} \textless{}"
    assert latex.words("\N{MINUS SIGN}1\N{NO-BREAK SPACE}%") == r"$-$1~\%"
    told = (Strong("x"), Aside("(y)"), Code("z_1"))
    assert latex.words(told) == r"\textbf{x}(y)\texttt{z\_1}"


def test_a_table_is_one_environment_with_a_line_a_row():
    text = latex.table(Table(["a", "b"], [["1", "2"], ["3", "4"]], "What.", "Why.", "name"))
    assert text.splitlines() == [
        r"\begin{table}",
        r"\centering",
        r"\caption{What. Why.}",
        r"\label{tab:name}",
        r"\begin{tabular}{ll}",
        r"\toprule",
        r"a & b \\",
        r"\midrule",
        r"1 & 2 \\",
        r"3 & 4 \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
