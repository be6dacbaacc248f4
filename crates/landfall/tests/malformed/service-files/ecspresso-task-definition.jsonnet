local tag = std.extVar('tag');
{
  family: 'hello',
  containerDefinitions: [{ name: 'web', image: 'hello:' + tag }],
}
