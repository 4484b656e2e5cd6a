using System.Globalization;

namespace DistillGrpc.Modeling.Scoring;

/// <summary>Evaluates what students write as equations: numbers, <c>+ - * /</c>, parentheses. Nothing else is run or looked up.</summary>
public static class Equation
{
    /// <summary>Longest text that is evaluated, in characters.</summary>
    public const int MaxLength = 1000;

    private const int MaxDepth = 64;

    /// <summary>The value of an equation; false where the text is none, is too long or divides by zero.</summary>
    public static bool TryEvaluate(string text, out double value)
    {
        ArgumentNullException.ThrowIfNull(text);
        value = 0;
        if (text.Length > MaxLength)
        {
            return false;
        }

        var parser = new Parser(text);
        return parser.TrySum(MaxDepth, out value) && parser.IsAtEnd && double.IsFinite(value);
    }

    private ref struct Parser(ReadOnlySpan<char> text)
    {
        private ReadOnlySpan<char> _rest = text.TrimStart();

        public readonly bool IsAtEnd => _rest.IsEmpty;

        public bool TrySum(int depth, out double value)
        {
            value = 0;
            if (!TryProduct(depth, out value))
            {
                return false;
            }

            while (Take('+', '-') is var sign and not '\0')
            {
                if (!TryProduct(depth, out var next))
                {
                    return false;
                }

                value += sign == '+' ? next : -next;
            }

            return true;
        }

        private bool TryProduct(int depth, out double value)
        {
            if (!TryFactor(depth, out value))
            {
                return false;
            }

            while (Take('*', '/') is var sign and not '\0')
            {
                if (!TryFactor(depth, out var next))
                {
                    return false;
                }

                value = sign == '*' ? value * next : value / next;
            }

            return true;
        }

        private bool TryFactor(int depth, out double value)
        {
            value = 0;
            if (depth == 0)
            {
                return false;
            }

            if (Take('-', '-') != '\0')
            {
                var isFactor = TryFactor(depth - 1, out value);
                value = -value;
                return isFactor;
            }

            return Take('(', '(') != '\0'
                ? TrySum(depth - 1, out value) && Take(')', ')') != '\0'
                : TryNumber(out value);
        }

        private bool TryNumber(out double value)
        {
            var length = _rest.IndexOfAnyExceptInRange('.', '9');
            var number = length < 0 ? _rest : _rest[..length];
            _rest = _rest[number.Length..].TrimStart();
            return double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out value);
        }

        private char Take(char first, char second)
        {
            if (_rest.IsEmpty || (_rest[0] != first && _rest[0] != second))
            {
                return '\0';
            }

            var taken = _rest[0];
            _rest = _rest[1..].TrimStart();
            return taken;
        }
    }
}
