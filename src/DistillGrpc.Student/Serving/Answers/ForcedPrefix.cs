using DistillGrpc.Hosting;
using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Modeling.Tokenizers;

namespace DistillGrpc.Student.Serving.Answers;

/// <summary>The tokens that a caller makes an answer begin with.</summary>
internal static class ForcedPrefix
{
    // Some are left for the task's own prefix, where that is on the decoder.
    private const int Most = DecodingOptions.MostPrefixTokens / 2;

    /// <summary>The tokens of a text.</summary>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT where there are too many.</exception>
    public static int[] Of(ITokenizer tokenizer, string prefix, int maxTokens, string field)
    {
        int[] tokens = prefix.Length == 0 ? [] : tokenizer.Encode(prefix);
        var most = Math.Min(maxTokens, Most);
        RpcFailure.Require(tokens.Length <= most, field, $"may have {most} tokens");
        return tokens;
    }
}
