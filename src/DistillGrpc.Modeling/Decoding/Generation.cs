using DistillGrpc.Modeling.Engines;

namespace DistillGrpc.Modeling.Decoding;

/// <summary>
/// The answer to an input, or several, as it is being written: whoever runs the engine collects the rows of all generations, makes a step,
/// and gives every generation its logits. Used by one thread at a time.
/// </summary>
public sealed class Generation : IDisposable
{
    private static readonly int[] NoCandidates = [];

    private readonly int[] _forced;
    private readonly int _vocabulary;
    private readonly IAnswerWriter _writer;
    private readonly T5Sequence _first;
    private int _read;
    private bool _isDisposed;

    /// <summary>Begins.</summary>
    /// <param name="engine">Whoever runs it steps with this one.</param>
    /// <param name="encoding">The input; it may be disposed at once.</param>
    /// <param name="options">How to write.</param>
    /// <exception cref="ArgumentException">An option is wrong, by itself or for this model; the parameter's name is the option's snake_case name.</exception>
    public Generation(IT5Engine engine, T5Encoding encoding, DecodingOptions options)
    {
        options.Validate();
        var config = engine.Config;
        RequireFits(config.VocabularySize, config.EosId, options);
        _vocabulary = config.VocabularySize;
        _forced = [config.DecoderStartId, .. options.Prefix];
        _first = engine.Start(encoding, options.Prefix.Count + (options.ChoiceRows > 0 ? Math.Max(1, options.Allowed!.DecisionLength) : options.MaxTokens));
        _writer = options.ChoiceRows > 0 ? new ChoiceWriter(engine, _first, _forced[^1], options)
            : options.Beams > 1 ? new BeamWriter(engine, _first, _forced, options)
            : new SampleWriter(engine, _first, _forced, options);
    }

    /// <summary>Rows that it has in the next step; 0 when it is done.</summary>
    public int Rows => IsDone ? 0 : IsForced ? 1 : _writer.Rows;

    /// <summary>Whether nothing is left to write.</summary>
    public bool IsDone => _isDisposed || _writer.IsDone;

    /// <summary>What is written of the first answer so far, the end-of-sequence token included; a step may add none or several. With beams nothing before the end.</summary>
    public IReadOnlyList<int> Tokens => _writer.Tokens;

    /// <summary>Of every one of <see cref="Tokens"/>, as <see cref="GeneratedAnswer.LogProbabilities"/>.</summary>
    public IReadOnlyList<float> LogProbabilities => _writer.LogProbabilities;

    /// <summary>Of every one of <see cref="Tokens"/>, as <see cref="GeneratedAnswer.TopLogProbabilities"/>.</summary>
    public IReadOnlyList<IReadOnlyList<LikelyToken>> TopLogProbabilities => _writer.TopLogProbabilities;

    /// <summary>When it is done the answers, best score first; with beams and few sequences allowed there may be fewer than asked for.</summary>
    /// <exception cref="InvalidOperationException">It is not done.</exception>
    public IReadOnlyList<GeneratedAnswer> Answers =>
        _writer.IsDone ? _writer.Answers : throw new InvalidOperationException("The answer is still being written.");

    /// <summary>With <see cref="DecodingOptions.ChoiceRows"/>, when it is done: what the model gives at every choice.</summary>
    /// <exception cref="InvalidOperationException">It is not done, or choices were not asked for.</exception>
    public ChoiceLogits Choices =>
        _writer is ChoiceWriter { IsDone: true } weighed ? weighed.Choices : throw new InvalidOperationException("The choices are not weighed.");

    // The start id and the prefix are read one by one; behind the last there is something to choose.
    private bool IsForced => _read < _forced.Length - 1;

    /// <summary>Adds its rows of the next step.</summary>
    public void Collect(List<StepRow> rows)
    {
        if (IsDone)
        {
            return;
        }

        if (IsForced)
        {
            rows.Add(new StepRow(_first, _forced[_read], NoCandidates));
        }
        else
        {
            _writer.Collect(rows);
        }
    }

    /// <summary>Takes what the step gave its rows.</summary>
    /// <param name="logits">(<see cref="Rows"/>, V), in the order in which they were collected.</param>
    /// <exception cref="ArgumentException">There are more or fewer.</exception>
    /// <exception cref="NonFiniteLogitsException">A logit that was asked for is no finite number. The generation is of no more use but to be disposed.</exception>
    public void Take(ReadOnlySpan<float> logits)
    {
        if (logits.Length != Rows * _vocabulary)
        {
            throw new ArgumentException($"{Rows} rows of {_vocabulary} are awaited, not {logits.Length} numbers.", nameof(logits));
        }

        if (IsForced)
        {
            _read++;
        }
        else if (!IsDone)
        {
            _writer.Take(logits);
        }
    }

    /// <summary>Gives the sequences' memory back; what is written stays.</summary>
    public void Dispose()
    {
        if (!_isDisposed)
        {
            _isDisposed = true;
            _writer.Dispose();
        }
    }

    private static void RequireFits(int vocabulary, int end, DecodingOptions options)
    {
        if (options.Prefix.Any(token => token < 0 || token >= vocabulary))
        {
            throw new ArgumentException($"tokens must be 0 to {vocabulary - 1}", "prefix");
        }

        if (options.Allowed is { } allowed && (allowed.EndId != end || allowed.Least < 0 || allowed.Most >= vocabulary))
        {
            throw new ArgumentException($"sequences must end with {end}, and their tokens be 0 to {vocabulary - 1}", "allowed");
        }
    }
}
